package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
)

// fleetRuns is how many runs of the template the record has; each knows what came of it on every host.
const fleetRuns = 60

// bigSite is the pages over 5,000 hosts with so many tasks each. On all of them one thing differs, on every tenth one more of two hundred kinds, and the last
// run of the template has a result for each task on each host.
func bigSite(t testing.TB, tasks int) *site {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "data"))
	must(err)
	t.Cleanup(func() { _ = st.Close() }) // the folder goes with the test
	j := journal.New(st)
	e, err := run.Open(ctx, st, j, run.Options{})
	must(err)
	d, err := desk.New(desk.Options{Store: st, Engine: e, Journal: j, Log: slog.New(slog.DiscardHandler)})
	must(err)
	must(e.Launch(ctx))
	t.Cleanup(func() { _ = e.Close(context.Background()) }) // no run is under way
	must(d.PutProject(ctx, "anna", desk.Project{Name: "web", Repository: t.TempDir()}))
	must(d.PutInventory(ctx, "anna", desk.Inventory{Project: "web", Name: "hosts", Text: fmt.Sprintf("[web]\nweb[1:%d]\n", fleetSize)}))
	var names strings.Builder
	for i := range fleetSize {
		fmt.Fprintf(&names, "web%d rack=r%d\n", i+1, i/40)
	}
	must(d.PutInventory(ctx, "anna", desk.Inventory{Project: "web", Name: "long", Text: names.String()}))
	template := desk.Template{Project: "web", Name: "site", Playbook: "site.yml", Inventory: "hosts"}
	must(d.PutTemplate(ctx, "anna", template))
	for i := range 20 {
		must(d.PutSchedule(ctx, "anna", desk.Schedule{Project: "web", Name: fmt.Sprintf("s%d", i), Template: "site", Cron: "0 3 * * *"}))
	}
	book, err := record.Open(st)
	must(err)
	tx, err := st.DB().BeginTx(ctx, nil)
	must(err)
	rows(t, template, tasks, func(query string) func(args ...any) {
		stmt, err := tx.PrepareContext(ctx, query)
		must(err)
		return func(args ...any) {
			_, err := stmt.ExecContext(ctx, args...)
			must(err)
		}
	})
	must(tx.Commit())
	s := &site{Options: Options{Drift: book, Desk: d, Engine: e, Store: st, Journal: j, Log: slog.New(slog.DiscardHandler)}, states: map[string]seen{}}
	must(s.load())
	return s
}

// rows puts the fleet into the record.
func rows(t testing.TB, template desk.Template, tasks int, into func(query string) func(args ...any)) {
	t.Helper()
	resource := into(`INSERT INTO drift_resources (id, host, playbook, play, role, task, action, path, line, item, state, reason, cause, fingerprint, good_fingerprint, good_at, differs_at, corrected_at, seen_at, unheld, relapses, run)
		VALUES (?, ?, 'site.yml', 'all', '', ?, 'copy', 'site.yml', ?, '', ?, '', ?, 'f', 'f', ?, ?, 0, ?, 0, 1, 'look')`)
	host := into(`INSERT INTO drift_hosts (host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown) VALUES (?, 'site.yml', 'look', ?, ?, '', ?, ?, 0, 0, 0, 0)`)
	seen := into(`INSERT INTO drift_results (run, at, host, play, task, action, item, outcome, text, cause) VALUES ('look', ?, ?, 'all', ?, 'copy', '', ?, '', ?)`)
	result := into(`INSERT INTO desk_results (run, seq, at, play, task, action, place, host, item, state, text, diff) VALUES (?, ?, ?, 'all', ?, 'copy', ?, ?, '', ?, 'line added', ?)`)
	change := into(`INSERT INTO drift_changes (at, run, host, playbook, resource, task, item, before, after, cause) VALUES (?, 'look', ?, 'site.yml', ?, ?, '', 'good', 'drifted', ?)`)
	cause := into(`INSERT INTO drift_causes (cause, diff, first_at) VALUES (?, ?, ?)`)
	look := into(`INSERT INTO drift_runs (id, playbook, mode, who, why, started_at, ended_at, error, hosts, unreached, good, drifted, pending, flapping, uncheckable, unknown, corrected)
		VALUES (?, 'site.yml', 'detect', 'ann', '', ?, ?, '', ?, 0, ?, ?, 0, 0, 0, 0, 0)`)
	at := time.Now().Add(-time.Hour).UnixMilli()
	diff := "--- before: /etc/motd\n+++ after: dynamically generated\n" + strings.Repeat("-a line that was\n+a line that is wanted\n", 20)
	cause("everywhere", diff, at)
	for i := range 200 {
		cause(fmt.Sprintf("kind-%03d", i), diff, at)
	}
	for i := range fleetRuns {
		look(fmt.Sprintf("look-%d", i), at, at+1, fleetSize, fleetSize*(tasks-1), fleetSize+i)
	}
	look("look", at, at+1, fleetSize, fleetSize*(tasks-1), fleetSize)
	out := desk.Outcome{Hosts: map[string]engine.Count{}}
	seq := 0
	for i := range fleetSize {
		name := fmt.Sprintf("web%d", i+1)
		out.Hosts[name] = engine.Count{OK: tasks, Changed: 1}
		if i%10 == 0 {
			out.Failed = append(out.Failed, name)
		}
		drifted := 1
		for n := range tasks {
			seq++
			task, state, of := fmt.Sprintf("task %d", n), "good", ""
			switch {
			case n == 0:
				state, of = "drifted", "everywhere"
			case n == 1 && i%10 == 0:
				state, of = "drifted", fmt.Sprintf("kind-%03d", i/10%200)
				drifted = 2
			}
			word, text := "ok", ""
			if of != "" {
				word, text = "changed", diff
				change(at, name, task, task, of)
			}
			resource(fmt.Sprintf("%02d", n), name, task, n, state, of, at-1000, at, at)
			seen(at, name, task, word, of)
			result("play-1", seq, at, task, fmt.Sprintf("site.yml:%d", n), name, word, text)
		}
		host(name, at, at, tasks-drifted, drifted)
	}
	order, err := json.Marshal(desk.Order{Template: template, Commit: strings.Repeat("a", 40)})
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	play := into(`INSERT INTO runs (id, kind, target, who, why, state, input, result, started_at, ended_at, seq) VALUES (?, 'play', 'template/web/site', 'ann', 'a look', 'failed', ?, ?, ?, ?, ?)`)
	for i := range fleetRuns {
		play(fmt.Sprintf("play-%d", fleetRuns-i), string(order), string(outcome), at, at+1, i+1)
	}
}

// fleetPage is a page that has to stay small and quick however large the fleet is.
type fleetPage struct {
	address string
	values  map[string]string
	make    func(*http.Request) (view, error)
}

// fleetPages are all of them.
func (s *site) fleetPages() []fleetPage {
	inventory := func(r *http.Request) (view, error) {
		i, err := s.Desk.Inventory(r.Context(), "web", r.PathValue("name"))
		if err != nil {
			return view{}, err
		}
		return s.inventoryEditor().page(s, r, i, false)
	}
	play, web := map[string]string{"run": "play-1"}, map[string]string{"project": "web", "template": "site", "name": "long"}
	return []fleetPage{
		{"/drift", nil, s.fleet},
		{"/drift?playbook=site.yml", nil, s.fleet},
		{"/drift?playbook=site.yml&cause=everywhere&count=5000", nil, s.fleet},
		{"/drift?host=web4000&under=site.yml", nil, s.fleet},
		{"/drift/hosts/web7", map[string]string{"host": "web7"}, s.driftHost},
		{"/drift/runs/look", map[string]string{"run": "look"}, s.driftRun},
		{"/drift/runs/look?outcome=changed", map[string]string{"run": "look"}, s.driftRun},
		{"/drift/runs/look?search=web4999", map[string]string{"run": "look"}, s.driftRun},
		{"/drift/runs/look?search=nowhere", map[string]string{"run": "look"}, s.driftRun},
		{"/projects", nil, s.projects},
		{"/projects/web", web, s.project},
		{"/projects/web/inventories/long", web, inventory},
		{"/projects/web/templates/site/launch", web, s.launchPage},
		{"/plays", nil, s.plays},
		{"/plays/play-1", play, s.play},
		{"/plays/play-1?state=changed", play, s.play},
		{"/plays/play-1?host=web4999", play, s.play},
		{"/plays/play-1?after=90000", play, s.play},
		{"/plays/play-1?search=web4999", play, s.play},
		{"/plays/play-1?search=nowhere", play, s.play},
	}
}

// size makes a page as an admin sees it, and returns its bytes.
func (s *site) size(t testing.TB, p fleetPage) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, p.address, http.NoBody)
	for k, v := range p.values {
		r.SetPathValue(k, v)
	}
	r = r.WithContext(auth.WithPrincipal(r.Context(), auth.Principal{Name: "anna", Role: auth.Admin}))
	v, err := p.make(r)
	if err != nil {
		t.Fatal(p.address, err)
	}
	w := httptest.NewRecorder()
	s.render(w, r, http.StatusOK, shown{view: v})
	if w.Code != http.StatusOK {
		t.Fatal(p.address, w.Code, w.Body)
	}
	return w.Body.Len()
}

func TestNoPageGrowsWithTheFleet(t *testing.T) {
	s := bigSite(t, 2)
	for _, p := range s.fleetPages() {
		if n := s.size(t, p); n > fewer {
			t.Errorf("%s has %d bytes with %d hosts, want at most %d", p.address, n, fleetSize, fewer)
		}
	}
}

// BenchmarkPages prints what each page costs with 5,000 hosts and 20 tasks on each; 200 ms is what we want at most.
func BenchmarkPages(b *testing.B) {
	s := bigSite(b, 20)
	for _, p := range s.fleetPages() {
		b.Run(p.address, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = s.size(b, p)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/page")
			b.ReportMetric(float64(n)/1024, "KB/page")
		})
	}
}
