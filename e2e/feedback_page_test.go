package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"goodstate.dev/goodstate/internal/real"
)

// at opens a page of the service itself.
func (b *browser) at(path string) {
	b.d.t.Helper()
	b.do("open "+path, chromedp.Navigate("http://"+b.d.site.address+path), chromedp.WaitReady("h1"))
}

func TestAUserReportsFromThePageAndAnOperatorAnswers(t *testing.T) {
	d := newDashboard(t, func(conf string) string {
		return strings.Replace(conf, "    watch: 1s\n", "    watch: 1s\n    feedback: {title: How is the tea?}\n", 1)
	})
	if d == nil {
		return
	}
	ute, olga := d.browser("ute", true), d.browser("olga", true)
	ute.at("/tea")
	ute.do("open the form", chromedp.Click(`[data-goodstate-feedback]`), chromedp.WaitReady("dialog iframe"))
	if got := get(ute, "read the form's title", chromedp.Evaluate[string](`new Promise((done) => {
		const look = () => {
			const inner = document.querySelector("dialog iframe").contentDocument;
			const h1 = inner?.querySelector("h1");
			h1 && inner.readyState === "complete" ? requestAnimationFrame(() => setTimeout(() => done(h1.textContent), 100)) : setTimeout(look, 20);
		};
		look();
	})`, chromedp.EvalAwaitPromise)); got != "How is the tea?" {
		t.Errorf("the dialog shows %q", got)
	}
	ute.shot("feedback-dialog")

	ute.at("/.goodstate/feedback?page=/tea")
	opened := time.Now()
	ute.readable()
	ute.do("write", chromedp.SendKeys("#text", "The <i>tea</i> is cold"), chromedp.Click(`input[name=consent]`))
	real.Eventually(t, 10*time.Second, "she has taken the time that a person takes", func() bool { return time.Since(opened) > 2*time.Second })
	ute.do("send", chromedp.Click("button"), chromedp.WaitReady(`//h1[.="Thank you"]`))
	mine := get(ute, "read the address", chromedp.Location())
	ute.readable()
	ute.shot("feedback-thanks")

	if status, body := d.person(7).complain(t.Context(), "the TEA is cold!!"); status != http.StatusCreated {
		t.Fatalf("a second report is answered with %d %s", status, body)
	}
	olga.login()
	olga.press("Feedback")
	olga.sees("<i>tea</i> is cold")
	olga.sees("2")
	olga.readable()
	olga.shot("feedback-list")
	olga.press("The <i>tea</i> is cold")
	olga.sees("reported 2 times")
	olga.sees("/tea")
	olga.sees("HeadlessChrome")
	olga.do("answer", chromedp.SendKeys("#text", "The kettle is mended."))
	olga.press("Answer")
	olga.sees("olga answered: The kettle is mended.")
	olga.readable()
	olga.shot("feedback-group")
	vera := d.browser("vera", false)
	vera.login()
	vera.press("Feedback")
	vera.press("The <i>tea</i> is cold")
	vera.sees("answering needs an operator")
	ute.do("come back", chromedp.Navigate(mine), chromedp.WaitReady("h1"))
	if text := get(ute, "read the answer", chromedp.Text("main")); !strings.Contains(text, "The kettle is mended.") {
		t.Errorf("its author reads %q", text)
	}
	res, err := http.Get(d.address + "/report/web/feedback?release=forged")
	d.must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the form of the server is %s", res.Status)
	}
}
