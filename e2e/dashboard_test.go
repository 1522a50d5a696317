package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/internal/real"
)

var shots = flag.String("shots", "", "folder for pictures of the pages that the tests visit")

const password = "a long enough password"

// dashboard is a goodstate that offers its pages, with a released service and an operator and a viewer who may log in.
type dashboard struct {
	*site
	a       *app.App
	address string
	chrome  string
	leave   func() (requests, lost int64) // ends the visitors
}

func newDashboard(t *testing.T, more ...func(conf string) string) *dashboard {
	t.Helper()
	chrome := real.Need(t, "chromium", "chromium", "google-chrome", "chrome")
	if chrome == "" {
		return nil
	}
	s := newSite(t, "canary: {steps: [50%], hold: 10m}")
	if len(more) > 0 {
		text, err := os.ReadFile(s.file)
		s.must(err)
		s.must(os.WriteFile(s.file, []byte(more[0](string(text))), 0o600))
	}
	repo := filepath.Join(s.dir, "repo")
	for _, tag := range []string{"v5", "v6"} {
		s.must(os.WriteFile(filepath.Join(repo, "release"), []byte("fine "+tag+"\n"), 0o600))
		s.git(repo, "commit", "-q", "-a", "-m", "Sell <b>tea</b> & more, "+tag)
		s.git(repo, "tag", tag)
	}
	text, err := os.ReadFile(s.file)
	s.must(err)
	s.must(os.WriteFile(s.file, []byte(strings.NewReplacer("listen: none", `listen: "127.0.0.1:0"`, "watch: 1s", "watch: 3s").Replace(string(text))), 0o600))
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(t.Context(), app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}})
	s.must(err)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &dashboard{site: s, a: a, chrome: chrome}
	s.must(a.Auth.UserAdd(t.Context(), "olga", auth.Operator, password))
	s.must(a.Auth.UserAdd(t.Context(), "vera", auth.Viewer, password))
	s.must(a.Auth.UserAdd(t.Context(), "petra", auth.Approver, password))
	d.address, err = a.Listen(t.Context())
	s.must(err)
	d.leave = d.visitors()
	info, err := a.Client().Deploy(t.Context(), "web", "v1", "", false)
	s.must(err)
	real.Eventually(t, 30*time.Second, "v1 has the traffic", func() bool {
		l, ok := a.Rollouts.Live(info.ID)
		return ok && l.Weight > 0
	})
	_, err = a.Client().Tell(t.Context(), "web", "promote", "")
	s.must(err)
	limited, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	if info, err = a.Engine.Wait(limited, info.ID); err != nil || info.Error != "" {
		entries, _ := a.Journal.List(t.Context(), journal.Filter{Run: info.ID}) // for the message only
		for _, e := range entries {
			t.Log(e.Text)
		}
		t.Fatalf("v1 is not released: %v %s", err, info.Error)
	}
	return d
}

// browser is one person's browser.
type browser struct {
	d    *dashboard
	name string
	tab  context.Context
}

func (d *dashboard) browser(name string, scripts bool) *browser {
	d.t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(d.chrome), chromedp.WindowSize(1280, 1000))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	d.t.Cleanup(end)
	tab, leave := chromedp.NewContext(allocated)
	d.t.Cleanup(leave)
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil { // starts the browser, which lives as long as this context
		d.t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}); err != nil {
		d.t.Fatal(err)
	}
	return &browser{d, name, tab}
}

// do acts in the browser, one action after the other; what is waited for has to come within 30 seconds. The moving part of a page may
// replace an element between the moment it is found and the moment it is used: then the action is tried again.
func (b *browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.d.t.Helper()
	ctx, stop := context.WithTimeout(b.tab, 30*time.Second)
	defer stop()
	for _, a := range actions {
		err := chromedp.Do(ctx, a)
		for err != nil && replaced(err) && ctx.Err() == nil {
			err = chromedp.Do(ctx, a)
		}
		if err != nil {
			seen, _ := chromedp.Run(b.tab, chromedp.Text("body")) // for the message only
			b.d.t.Fatalf("%s: %s: %v; the page shows:\n%s", b.name, what, err, seen)
		}
	}
}

// replaced says that the browser no longer has what it had found.
func replaced(err error) bool {
	text := err.Error()
	for _, gone := range []string{"Could not find node with given id", "No node with given id", "Could not compute box model", "Node is detached from document", "Cannot find context with specified id"} {
		if strings.Contains(text, gone) {
			return true
		}
	}
	return false
}

// get reads something of the page.
func get[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.d.t.Helper()
	ctx, stop := context.WithTimeout(b.tab, 30*time.Second)
	defer stop()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		b.d.t.Fatalf("%s: %s: %v", b.name, what, err)
	}
	return got
}

func (b *browser) open(path string) {
	b.d.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.d.address+path), chromedp.WaitReady("main"))
}

func (b *browser) login() {
	b.d.t.Helper()
	b.open("/")
	b.do("log in", chromedp.SendKeys("#name", b.name), chromedp.SendKeys("#password", password), chromedp.Submit("#password"), chromedp.WaitReady("nav"))
}

// press presses the button or follows the link with this text.
func (b *browser) press(text string) {
	b.d.t.Helper()
	b.do("press "+text, chromedp.Click(`//*[self::button or self::a][normalize-space(.)="`+text+`"]`), chromedp.WaitReady("main"))
}

// sees waits until the page shows the text, without asking for the page again: what changes must come by itself.
func (b *browser) sees(text string) {
	b.d.t.Helper()
	b.do("see "+text, chromedp.WaitReady(`//main//*[contains(normalize-space(.), "`+text+`")]`))
}

// seesLater waits for the text where scripts are off: the page asks for itself again and again.
func (b *browser) seesLater(text string) {
	b.d.t.Helper()
	var seen string
	defer func() {
		if b.d.t.Failed() {
			b.d.t.Logf("the page showed:\n%s", seen)
		}
	}()
	real.Eventually(b.d.t, 40*time.Second, b.name+" sees "+text, func() bool {
		ctx, stop := context.WithTimeout(b.tab, 10*time.Second)
		defer stop()
		page, err := chromedp.Run(ctx, chromedp.Text("main"))
		if err != nil {
			return false // read while the page was being replaced
		}
		seen = page
		return strings.Contains(seen, text)
	})
}

// lacks waits for a page without the text: a form that was just sent is answered by another page.
func (b *browser) lacks(text string) {
	b.d.t.Helper()
	real.Eventually(b.d.t, 20*time.Second, b.name+" does not see "+text, func() bool {
		ctx, stop := context.WithTimeout(b.tab, 10*time.Second)
		defer stop()
		seen, err := chromedp.Run(ctx, chromedp.Text("main"))
		return err == nil && seen != "" && !strings.Contains(seen, text)
	})
}

// shot keeps a picture of the page for who asked for pictures.
func (b *browser) shot(name string) {
	b.d.t.Helper()
	if *shots == "" {
		return
	}
	b.d.must(os.WriteFile(filepath.Join(*shots, name+".png"), get(b, "take a picture", chromedp.FullScreenshot(100)), 0o600))
}

func TestThePagesShowARolloutLiveAndOnlyAnOperatorTakesItBack(t *testing.T) {
	d := newDashboard(t)
	if d == nil {
		return
	}
	olga, vera := d.browser("olga", true), d.browser("vera", true)

	olga.open("/services/web")
	olga.do("be asked who it is", chromedp.WaitReady("#password"))
	olga.do("give a wrong password", chromedp.SendKeys("#name", "olga"), chromedp.SendKeys("#password", "not the password"), chromedp.Submit("#password"), chromedp.WaitReady(".alert"))
	olga.readable()
	olga.shot("login")
	olga.do("give the right one", chromedp.SendKeys("#password", password), chromedp.Submit("#password"), chromedp.WaitReady("nav"))
	olga.sees("Known-good points") // the page that was asked for
	olga.readable()
	olga.shot("service")

	olga.do("name a version", chromedp.SendKeys("#version", "v5"))
	olga.press("Plan the release")
	olga.sees("Sell <b>tea</b> & more, v5")
	olga.readable()
	olga.shot("plan")
	olga.press("Release now")
	olga.sees("50% of the traffic on the new release")
	olga.readable()
	vera.login()
	vera.sees("1 rollout is under way")
	vera.readable()
	vera.shot("board")
	vera.press("web v5")
	vera.sees("need an operator")
	vera.lacks("Plan a rollback")
	vera.refused()

	olga.shot("rollout")
	olga.press("Plan a rollback")
	olga.sees("Roll web back")
	olga.readable()
	olga.do("say why", chromedp.SendKeys("#why", "the tea is cold"))
	olga.press("Roll back now")
	olga.sees("Analysis")
	olga.sees("the tea is cold")
	olga.readable()
	olga.shot("analysis")
	vera.sees("rolled back") // her page has become the analysis by itself
	for _, page := range []string{"/", "/services", "/journal", "/journal?verify=yes", "/services/web", "/nothing"} {
		vera.open(page)
		vera.readable()
	}
	vera.open("/journal?actor=olga&verify=yes")
	vera.sees("entries are what was written")
	vera.sees("the tea is cold")
	vera.shot("journal")
	vera.press("Log out")
	vera.do("be asked who it is", chromedp.WaitReady("#password"))
	if requests, lost := d.leave(); lost > 0 || requests == 0 {
		t.Errorf("%d of %d requests were lost", lost, requests)
	}
}

// refused sends the form that the page does not offer.
func (b *browser) refused() {
	b.d.t.Helper()
	b.do("send a form that is not offered", chromedp.Evaluate[chromedp.Void](`(() => {
		const form = document.createElement("form");
		form.method = "post";
		form.action = "/services/web/rollback";
		form.append(document.querySelector("input[name=csrf]").cloneNode());
		document.body.append(form);
		form.submit();
	})()`), chromedp.WaitReady(`//main//*[contains(., "rollback needs operator")]`))
	b.readable()
	b.do("go back", chromedp.NavigateBack(), chromedp.WaitReady("#live"))
}

func TestEverythingWorksWithScriptsTurnedOff(t *testing.T) {
	d := newDashboard(t)
	if d == nil {
		return
	}
	olga := d.browser("olga", false)
	olga.login()
	olga.sees("Nothing is wrong")
	olga.press("Services")
	olga.press("web")
	olga.do("name a version", chromedp.SendKeys("#version", "v6"))
	olga.press("Plan the release")
	olga.press("Release now")
	olga.seesLater("50% of the traffic on the new release")
	olga.press("Pause")
	olga.seesLater("waits for a person")
	olga.press("Judge again")
	olga.seesLater("Go to the next stage now")
	olga.press("Plan a rollback")
	olga.press("Roll back now")
	olga.seesLater("Analysis")
	olga.press("web")
	olga.sees("v6 held")
	olga.press("Let v6 go")
	olga.lacks("v6 held")
	if requests, lost := d.leave(); lost > 0 || requests == 0 {
		t.Errorf("%d of %d requests were lost", lost, requests)
	}
}
