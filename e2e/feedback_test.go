package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

// withFeedback lets users of the service say what they met, and keeps each on the release that served them first.
func withFeedback(conf string) string {
	return strings.NewReplacer("sticky: none", "sticky: cookie", "    watch: 1s\n", "    watch: 1s\n    feedback: {contact: true}\n").Replace(conf)
}

// person is one user with a browser's cookies and an address of her own.
type person struct {
	*http.Client
	site string
}

func (s *site) person(n int) *person {
	jar, err := cookiejar.New(nil)
	s.must(err)
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n))}}
	return &person{&http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: from.DialContext}}, "http://" + s.address}
}

// visit looks at the page once, and tells which version answered.
func (p *person) visit(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.site+"/", nil)
	if err != nil {
		return ""
	}
	res, err := p.Do(req)
	if err != nil {
		return ""
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return ""
	}
	return res.Header.Get("X-Goodstate-Release")
}

// complain reports over the API.
func (p *person) complain(ctx context.Context, text string) (status int, body string) {
	words, _ := json.Marshal(map[string]string{"text": text}) // a map of strings
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.site+"/.goodstate/feedback", bytes.NewReader(words))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body) // for the message
	return res.StatusCode, string(answer)
}

// crowd is people who visit again and again, until the test ends; who is served by a release that is bad for her says so, once. It tells how many did.
func (s *site) crowd(n int, bad func(release string) bool) *atomic.Int64 {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var said atomic.Int64
	for i := range n {
		p := s.person(i)
		wait.Go(func() {
			tick := time.NewTicker(150 * time.Millisecond)
			defer tick.Stop()
			for told := false; ; {
				release := p.visit(ctx)
				if !told && release != "" && bad(release) {
					if status, body := p.complain(ctx, fmt.Sprintf("The basket of order %d is EMPTY after I pay!", 1000+i)); status == http.StatusCreated {
						told = true
						said.Add(1)
					} else if ctx.Err() == nil {
						s.t.Errorf("person %d: the report was answered with %d %s", i, status, body)
						return
					}
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	s.t.Cleanup(func() {
		cancel()
		wait.Wait()
	})
	return &said
}

func TestAReleaseThatOnlyUsersKnowToBeBadIsTakenBackWithTheirReports(t *testing.T) {
	t.Parallel()
	s := newServed(t, "canary: {steps: [40%], hold: 60s}", "sad", withFeedback)
	told := s.crowd(40, func(release string) bool { return strings.HasPrefix(release, "v2") })
	first := s.start("v1")
	real.Eventually(t, 30*time.Second, "v1 has the traffic", func() bool {
		l, ok := s.a.Rollouts.Live(first.ID)
		return ok && l.Weight > 0
	})
	if res := s.ended(first); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s\n%s", res.Outcome, res.Why, s.told(first.ID))
	}
	info := s.start("v2")
	res := s.ended(info)
	if res.Outcome != rollout.RolledBack || res.Trigger.By != "user reports" || res.Revalidated != good.Pass {
		t.Fatalf("v2: %s by %+v, revalidated %s: %s\n%s", res.Outcome, res.Trigger, res.Revalidated, res.Why, s.told(info.ID))
	}
	if detail := res.Trigger.Findings[0].Detail; !strings.Contains(detail, "is EMPTY after I pay!") {
		t.Errorf("the finding has no words of users: %q", detail)
	}
	report, err := s.a.Client().Report(t.Context(), info.ID)
	s.must(err)
	if len(report.Users) != 1 || report.Users[0].Count < 3 || !strings.HasPrefix(report.Users[0].Release, "v2") || report.Impact.Errors != 0 {
		t.Errorf("the analysis has %+v and %d errors; want the reports of one group, and metrics that show nothing", report.Users, report.Impact.Errors)
	}
	if text := report.Markdown(); !strings.Contains(text, "## What users reported") || !strings.Contains(text, "is EMPTY after I pay!`") {
		t.Errorf("the document is\n%s", text)
	}
	if !strings.Contains(s.told(info.ID), "feedback: problem reported on v2") {
		t.Errorf("the time line has no report:\n%s", s.told(info.ID))
	}
	t.Logf("%d people reported; %s", told.Load(), res.Why)
}

var ticketOf = regexp.MustCompile(`name="ticket" value="([^"]+)"`)

func TestTheFormWorksWithoutScriptsAndKeepsSpamOut(t *testing.T) {
	t.Parallel()
	s := newServed(t, "canary: {steps: [50%], hold: 3s}", "fine", withFeedback)
	s.crowd(3, func(string) bool { return false })
	if res := s.release("v1"); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	ann := s.person(100)
	release := ann.visit(t.Context())
	get := func(path string) (int, string) {
		res, err := ann.Get(ann.site + path)
		s.must(err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		s.must(err)
		return res.StatusCode, string(text)
	}
	send := func(form url.Values) (int, string) {
		res, err := ann.PostForm(ann.site+"/.goodstate/feedback", form)
		s.must(err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		s.must(err)
		return res.StatusCode, string(text)
	}
	status, page := get("/.goodstate/feedback?page=/basket")
	found := ticketOf.FindStringSubmatch(page)
	if status != http.StatusOK || found == nil || !strings.Contains(page, "/basket") {
		t.Fatalf("the form is %d %s", status, page)
	}
	form := func(more ...string) url.Values {
		v := url.Values{"ticket": {found[1]}, "kind": {"problem"}, "text": {"Tea is <b>cold</b>\u202e"}, "page": {"/basket"}, "contact": {"ann@example.org"}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	if status, page := send(form()); status != http.StatusBadRequest || !strings.Contains(page, "faster than anybody") || !strings.Contains(page, "Tea is &lt;b&gt;cold") {
		t.Fatalf("a form sent at once is answered with %d %s", status, page)
	}
	var thanks string
	real.Eventually(t, 10*time.Second, "the form is old enough", func() bool {
		status, thanks = send(form("release", "v9-forged"))
		return status == http.StatusOK
	})
	if !strings.Contains(thanks, "There is no answer yet") {
		t.Errorf("the thanks are %s", thanks)
	}
	for name, c := range map[string]struct {
		form   url.Values
		status int
	}{
		"a filled trap":         {form("website", "http://spam"), http.StatusBadRequest},
		"a ticket of its own":   {form("ticket", "abc.def"), http.StatusBadRequest},
		"no text":               {form("text", "  "), http.StatusBadRequest},
		"a text that is long":   {form("text", strings.Repeat("a", 5000)), http.StatusRequestEntityTooLarge},
		"a body that is longer": {form("text", strings.Repeat("a", 50_000)), http.StatusRequestEntityTooLarge},
		"another kind":          {form("kind", "praise"), http.StatusBadRequest},
	} {
		if status, _ := send(c.form); status != c.status {
			t.Errorf("%s is answered with %d, want %d", name, status, c.status)
		}
	}
	groups, err := s.a.Client().Feedback(t.Context(), "web", "", 10)
	s.must(err)
	if len(groups) != 1 {
		t.Fatalf("there are %+v", groups)
	}
	g, err := s.a.Client().FeedbackGroup(t.Context(), groups[0].ID)
	s.must(err)
	r := g.Reports[0]
	if r.Text != "Tea is <b>cold</b>" || r.Release != release || r.Page != "" || r.Agent != "" || r.Contact != "ann@example.org" || strings.Contains(fmt.Sprintf("%+v", r), "127.0.1.101") {
		t.Errorf("kept is %+v; want the release %s, and neither page nor browser without consent", r, release)
	}
	_, err = s.a.Client().FeedbackSay(t.Context(), g.ID, "answered", "It is hot again.")
	s.must(err)
	if _, page := get("/.goodstate/feedback/" + r.ID); !strings.Contains(page, "It is hot again.") {
		t.Errorf("the author finds %s", page)
	}
	refused := 0
	for range 6 {
		if status, _ := ann.complain(t.Context(), "again"); status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("one address may send as much as it likes")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ann.site+"/.goodstate/feedback", strings.NewReader("text=x"))
	s.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := ann.Do(req)
	s.must(err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site may send a form: %s", res.Status)
	}
}
