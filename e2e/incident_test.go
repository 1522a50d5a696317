package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/web"
)

// An incident from the approval of a bad release to what is done against the next one, as people see it in the browser.
func TestThePagesLeadFromAnApprovalThroughAnIncidentToWhatPreventsTheNext(t *testing.T) {
	d := newDashboard(t, func(conf string) string {
		return strings.Replace(conf, "    checks:", "    approve: {before: [50%], within: 1h, by: others}\n    checks:", 1)
	})
	if d == nil {
		return
	}
	info, err := d.a.Client().Deploy(t.Context(), "web", "v2", "", false)
	d.must(err)
	var gate *rollout.Gate
	real.Eventually(t, 30*time.Second, "it waits for approval", func() bool {
		l, ok := d.a.Rollouts.Live(info.ID)
		if ok {
			gate = l.Gate
		}
		return gate != nil
	})
	link := "/" + web.ApproveLink(d.a.Links, info.ID, gate.Step, gate.Until)
	wrong := strings.Replace(link, "until=", "until=9", 1)

	olga, petra := d.browser("olga", true), d.browser("petra", true)
	olga.login()
	olga.sees("waits for approval before 50%")
	olga.open(wrong)
	olga.sees("was not made here")
	olga.open(link)
	olga.sees("approving needs an approver")
	olga.lacks("Approve 50%")

	petra.open(link)
	petra.do("be asked who it is", chromedp.SendKeys("#name", "petra"), chromedp.SendKeys("#password", password), chromedp.Submit("#password"), chromedp.WaitReady("nav"))
	petra.sees("release v2")
	petra.readable()
	petra.shot("approve")
	if l, ok := d.a.Rollouts.Live(info.ID); !ok || l.Gate == nil {
		t.Fatal("opening the link has approved it")
	}
	petra.do("say why", chromedp.SendKeys("#why", "the plan is fine"))
	petra.press("Approve 50%")
	petra.sees("petra approves 50%: the plan is fine")
	petra.sees("Where to look first") // it is bad, goes back by itself, and the page becomes the analysis
	petra.sees("GET /")
	petra.readable()
	petra.shot("incident")

	petra.do("note what has to be done", chromedp.SendKeys("#text", "test the <home> page"), chromedp.SendKeys("#owner", "ann"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#due").value = "2020-01-31"`))
	petra.press("Add it")
	petra.sees("test the <home> page")
	petra.open("/")
	petra.sees("ann has something to do: test the <home> page")
	petra.open("/actions")
	petra.readable()
	petra.shot("actions")
	petra.press("Done")
	petra.sees("Nothing is open")
	petra.readable()

	petra.open("/rollouts/" + info.ID)
	petra.press("What would find it earlier")
	petra.sees("home-lasts: {http: {url: /}, when: [start]")
	petra.readable()
	petra.shot("prevent")

	petra.open("/services/web/points")
	petra.sees("serves now")
	petra.readable()
	petra.shot("points")

	petra.open("/rollouts/" + info.ID)
	petra.press("Make the branch")
	petra.sees("later commits changed the same places of release") // v3 came after v2 on the branch
	petra.open(link)
	petra.sees("Nothing is to be approved")

	page := petra.fetch("/rollouts/" + info.ID + "/analysis.html")
	if !strings.Contains(page, "<polyline") || strings.Contains(page, "<script") {
		t.Errorf("the page to keep is\n%.2000s", page)
	}
	if text := petra.fetch("/rollouts/" + info.ID + "/analysis.md"); !strings.Contains(text, "## Requests that failed") {
		t.Errorf("the Markdown is\n%.2000s", text)
	}
	if requests, lost := d.leave(); lost > 0 || requests == 0 {
		t.Errorf("%d of %d requests were lost", lost, requests)
	}
	res, err := http.Get(d.address + "/rollouts/" + info.ID + "/analysis.html")
	d.must(err)
	d.must(res.Body.Close())
	if res.Request.URL.Path == "/rollouts/"+info.ID+"/analysis.html" && res.StatusCode == http.StatusOK {
		t.Error("somebody who is not logged in gets the analysis")
	}
}

// fetch reads a file that the page offers, as the logged in person.
func (b *browser) fetch(path string) string {
	b.d.t.Helper()
	return get(b, "fetch "+path, chromedp.Evaluate[string](`fetch("`+path+`").then(r => r.text())`, chromedp.EvalAwaitPromise))
}
