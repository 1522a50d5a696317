package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
)

const (
	fleetSize = 5000
	fewer     = 300 << 10 // bytes that a page may have
)

// driftSite is the pages over a record in which 5,000 hosts differ in one thing, and each of 40 hosts in something of its own.
func driftSite(t *testing.T) (*site, *record.Book) {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() }) // the folder goes with the test
	book, err := record.Open(st)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := st.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(query string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(-time.Hour).UnixMilli()
	resource := func(host, id, cause string) {
		put(`INSERT INTO drift_resources (id, host, playbook, play, role, task, action, path, line, item, state, reason, cause, fingerprint, good_fingerprint, good_at, differs_at, corrected_at, seen_at, unheld, relapses, run)
			VALUES (?, ?, 'site.yml', 'all', '', 'the greeting', 'copy', 'site.yml', 4, '', 'drifted', '', ?, 'f', 'f', ?, ?, 0, ?, 0, 1, 'look')`, id, host, cause, at-1000, at, at)
	}
	put(`INSERT INTO drift_runs (id, playbook, mode, who, why, started_at, ended_at, error, hosts, unreached, good, drifted, pending, flapping, uncheckable, unknown, corrected)
		VALUES ('look', 'site.yml', 'detect', 'ann', '', ?, ?, '', ?, 0, 20000, 5040, 0, 0, 0, 0, 0)`, at, at+1, fleetSize)
	put(`INSERT INTO drift_causes (cause, diff, first_at) VALUES ('everywhere', '-welcome\n+<script>alert(1)</script>', ?)`, at)
	for i := range fleetSize {
		host := fmt.Sprintf("web%d", i+1)
		put(`INSERT INTO drift_hosts (host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown) VALUES (?, 'site.yml', 'look', ?, ?, '', 4, 1, 0, 0, 0, 0)`, host, at, at)
		resource(host, "greeting", "everywhere")
		put(`INSERT INTO drift_results (run, at, host, play, task, action, item, outcome, text, cause) VALUES ('look', ?, ?, 'all', 'the greeting', 'copy', '', 'changed', '', 'everywhere')`, at, host)
	}
	for i := range 40 {
		cause := fmt.Sprintf("alone-%02d", i)
		put(`INSERT INTO drift_causes (cause, diff, first_at) VALUES (?, ?, ?)`, cause, strings.Repeat("+<\"quoted\">\n", 1300), at)
		resource(fmt.Sprintf("web%d", i+1), cause, cause)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s := &site{Options: Options{Drift: book, Store: st, Journal: journal.New(st), Log: slog.New(slog.DiscardHandler)}, states: map[string]seen{}}
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	return s, book
}

// shows is a page as somebody with a role sees it.
func (s *site) shows(t *testing.T, role auth.Role, address string, values map[string]string, page func(*http.Request) (view, error)) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, address, http.NoBody)
	for k, v := range values {
		r.SetPathValue(k, v)
	}
	r = r.WithContext(auth.WithPrincipal(r.Context(), auth.Principal{Name: "vera", Role: role}))
	v, err := page(r)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.render(w, r, http.StatusOK, shown{view: v})
	text := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", address, w.Code, text)
	}
	if len(text) > fewer {
		t.Errorf("%s has %d bytes with %d hosts, want at most %d", address, len(text), fleetSize, fewer)
	}
	if strings.Contains(text, "<script>alert") {
		t.Errorf("%s: a difference is not shown as text", address)
	}
	return text
}

func TestPagesOfDriftStaySmallAndFoldWhatIsEqual(t *testing.T) {
	s, _ := driftSite(t)
	fleet := s.shows(t, auth.Operator, "/drift", nil, s.fleet)
	for _, want := range []string{"web[1-5000]: the greeting", "&lt;script&gt;", "5000 of 25000", "More differences", "More hosts", `<rect class="drifted"`, "goodstate drift site.yml fix", `action="/drift/accept"`} {
		if !strings.Contains(fleet, want) {
			t.Errorf("the fleet's page lacks %q", want)
		}
	}
	if viewed := s.shows(t, auth.Viewer, "/drift", nil, s.fleet); strings.Contains(viewed, `action="/drift/accept"`) {
		t.Error("a viewer is offered to ignore a difference")
	}
	found := map[string]bool{}
	for address := "/drift"; address != ""; {
		r := httptest.NewRequest(http.MethodGet, address, http.NoBody)
		v, err := s.fleet(r)
		if err != nil {
			t.Fatal(err)
		}
		d := v.Data.(fleetData)
		for _, c := range d.Causes {
			if found[c.Cause] {
				t.Fatalf("%s is on two pages", c.Cause)
			}
			found[c.Cause] = true
		}
		address = d.MoreCauses
	}
	if len(found) != 41 {
		t.Errorf("%d differences on all pages, want 41", len(found))
	}
	host := s.shows(t, auth.Viewer, "/drift/hosts/web7", map[string]string{"host": "web7"}, s.driftHost)
	if !strings.Contains(host, "&lt;script&gt;") || !strings.Contains(host, "&#34;quoted&#34;") {
		t.Error("the host's page does not show what differs on it")
	}
	run := s.shows(t, auth.Viewer, "/drift/runs/look", map[string]string{"run": "look"}, s.driftRun)
	if !strings.Contains(run, "after=") || !strings.Contains(run, ">web60<") || strings.Contains(run, ">web61<") {
		t.Error("the run's page is not one page of its results")
	}
	if one := s.shows(t, auth.Viewer, "/drift/runs/look?search=web4999", map[string]string{"run": "look"}, s.driftRun); !strings.Contains(one, ">web4999<") || strings.Contains(one, ">web1<") {
		t.Error("the run's page does not search")
	}
}

func TestADifferenceIsIgnoredForAReason(t *testing.T) {
	s, book := driftSite(t)
	send := func(why, days string) error {
		form := url.Values{"playbook": {"site.yml"}, "cause": {"everywhere"}, "why": {why}, "days": {days}}
		r := httptest.NewRequest(http.MethodPost, "/drift/accept", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		_, err := s.acceptDrift(r, "vito")
		return err
	}
	for _, bad := range [][2]string{{" ", "7"}, {"load test", "0"}, {"load test", "x"}, {"load test", "99999999999"}} {
		if send(bad[0], bad[1]) == nil {
			t.Errorf("ignored for the reason %q and %s days", bad[0], bad[1])
		}
	}
	if err := send("load test <b>", "7"); err != nil {
		t.Fatal(err)
	}
	list, err := book.Causes(t.Context(), "", "", 0, 1, time.Now())
	if err != nil || len(list) != 1 || list[0].Ignored != "load test <b>" {
		t.Fatalf("%+v %v, want it ignored", list, err)
	}
	if text := s.shows(t, auth.Operator, "/drift", nil, s.fleet); !strings.Contains(text, "load test &lt;b&gt;") {
		t.Error("the page does not say why it may stay")
	}
	log, err := s.Journal.List(t.Context(), journal.Filter{Limit: 1, Newest: true})
	if err != nil || len(log) != 1 || log[0].Actor != "vito" || !strings.Contains(log[0].Text, "load test") {
		t.Errorf("journal %+v %v, want who ignored it and why", log, err)
	}
}
