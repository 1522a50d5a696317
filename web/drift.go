package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// Bounds of what a page of drift shows, so that it stays small however large the fleet is.
const (
	causesShown = 20
	hostsShown  = 100
	looksShown  = 10
	tasksShown  = 60
	diffShown   = 1500 // bytes
	namesShown  = 600  // bytes of folded names
	ignoredMost = 366  // days
)

// drift adds the pages of drift.
func (s *site) drift(mux *http.ServeMux) {
	s.read(mux, "GET /drift", s.fleet)
	s.read(mux, "GET /drift/log", s.driftLog)
	s.read(mux, "GET /drift/hosts/{host...}", s.driftHost)
	s.read(mux, "GET /drift/runs/{run}", s.driftRun)
	s.act(mux, "POST /drift/accept", auth.Launch, s.acceptDrift)
	s.driftControl(mux)
}

type fleetData struct {
	Playbook  string
	Playbooks []string
	Fleet     record.Fleet
	Hosts     int
	States    []stateCount
	Trend     *trend
	Causes    []record.Cause
	Rows      []record.HostRow
	Runs      []record.Run
	Kept      []kept
	Asks      []askLine
	MoreAsks  int

	MoreCauses, MoreHosts string
	Launches              map[string]bool // playbooks of templates that who looks may launch
}

// stateCount is how many are in a state.
type stateCount struct {
	State state.State
	N     int
}

// badness is the order of states, the worst first.
var badness = []state.State{state.Flapping, state.Drifted, state.Pending, state.Unknown, state.Uncheckable, state.Good}

// fleet is all hosts at a glance: their states, the trend, and what differs, once for each cause.
func (s *site) fleet(r *http.Request) (v view, err error) {
	ctx, q := r.Context(), r.URL.Query()
	d := fleetData{Playbook: q.Get("playbook")}
	if d.Playbooks, err = s.Drift.Playbooks(ctx); err != nil {
		return v, err
	}
	if d.Fleet, err = s.Drift.Fleet(ctx, d.Playbook); err != nil {
		return v, err
	}
	for _, st := range badness {
		if n := d.Fleet.Hosts[st]; n > 0 {
			d.States = append(d.States, stateCount{st, n})
			d.Hosts += n
		}
	}
	of := d.Playbook
	if of == "" && len(d.Playbooks) == 1 {
		of = d.Playbooks[0]
	}
	if of != "" {
		points, err := s.Drift.Trend(ctx, of, trendRuns)
		if err != nil {
			return v, err
		}
		d.Trend = trendOf(points)
	}
	if err := errors.Join(s.fleetLists(r, &d), s.driftControls(r, &d)); err != nil {
		return v, err
	}
	return view{Page: "drift", Title: "Drift", Command: "goodstate drift", Data: d}, nil
}

// fleetLists reads the pages of the lists that the address asks for.
func (s *site) fleetLists(r *http.Request, d *fleetData) (err error) {
	ctx, q := r.Context(), r.URL.Query()
	n, _ := strconv.Atoi(q.Get("count")) // what is no number begins at the start
	if d.Causes, err = s.Drift.Causes(ctx, d.Playbook, q.Get("cause"), max(n, 0), causesShown+1, time.Now()); err != nil {
		return err
	}
	if len(d.Causes) > causesShown {
		d.Causes = d.Causes[:causesShown]
		last := d.Causes[causesShown-1]
		d.MoreCauses = "/drift?" + url.Values{"playbook": {d.Playbook}, "cause": {last.Key()}, "count": {strconv.Itoa(last.Count)}}.Encode()
	}
	d.Launches = s.launchable(r, d.Causes)
	if d.Rows, err = s.Drift.Hosts(ctx, d.Playbook, q.Get("host"), q.Get("under"), hostsShown+1); err != nil {
		return err
	}
	if len(d.Rows) > hostsShown {
		d.Rows = d.Rows[:hostsShown]
		last := d.Rows[hostsShown-1]
		d.MoreHosts = "/drift?" + url.Values{"playbook": {d.Playbook}, "host": {last.Host}, "under": {last.Playbook}}.Encode() + "#hosts"
	}
	d.Runs, err = s.Drift.Runs(ctx, d.Playbook, 0, looksShown)
	return err
}

type driftHostData struct {
	Host      string
	Rows      []record.HostRow
	Resources []record.Resource
	Under     string // playbook of the resources
	Changes   []record.Change
	Next      string // of the resources
	Earlier   string // of the time line
}

// driftHost is one host: what each playbook says of it, its resources, and its time line.
func (s *site) driftHost(r *http.Request) (v view, err error) {
	ctx, q := r.Context(), r.URL.Query()
	d := driftHostData{Host: r.PathValue("host"), Under: q.Get("playbook")}
	if d.Rows, err = s.Drift.Host(ctx, d.Host); err != nil {
		return v, err
	}
	if len(d.Rows) == 0 {
		return v, fmt.Errorf("no playbook was ever compared with host %q: %w", d.Host, errNoPage)
	}
	if d.Under == "" {
		d.Under = d.Rows[0].Playbook
	}
	here := "/drift/hosts/" + url.PathEscape(d.Host) + "?"
	if d.Resources, err = s.Drift.Resources(ctx, d.Host, d.Under, q.Get("after"), tasksShown+1); err != nil {
		return v, err
	}
	if len(d.Resources) > tasksShown {
		d.Resources = d.Resources[:tasksShown]
		d.Next = here + url.Values{"playbook": {d.Under}, "after": {d.Resources[tasksShown-1].ID}}.Encode()
	}
	if d.Changes, err = s.Drift.Changes(ctx, d.Host, number(q.Get("before")), tasksShown+1); err != nil {
		return v, err
	}
	if len(d.Changes) > tasksShown {
		d.Changes = d.Changes[:tasksShown]
		d.Earlier = here + url.Values{"playbook": {d.Under}, "before": {strconv.FormatInt(d.Changes[tasksShown-1].Seq, 10)}}.Encode() + "#times"
	}
	return view{Page: "drifthost", Title: d.Host, Command: "goodstate drift --json", Data: d}, nil
}

type driftRunData struct {
	Run      record.Run
	Filter   record.Filter
	Outcomes []string
	Rows     []record.Result
	Next     string

	Running         bool
	Note            string
	Tally           []correctionCount
	Corrections     []record.Correction
	MoreCorrections int
}

// driftRun is one run as rows of tasks and hosts, by pages.
func (s *site) driftRun(r *http.Request) (v view, err error) {
	ctx, q := r.Context(), r.URL.Query()
	d := driftRunData{
		Filter:   record.Filter{Host: q.Get("host"), Outcome: q.Get("outcome"), Text: q.Get("search")},
		Outcomes: []string{"ok", "changed", "failed", "ignored", "skipped", "uncheckable", "unreachable"},
	}
	d.Run, err = s.Drift.Run(ctx, r.PathValue("run"))
	if errors.Is(err, record.ErrNone) {
		return v, fmt.Errorf("%w: %w", errNoPage, err)
	}
	if err != nil {
		return v, err
	}
	if err := s.driftCorrections(r, &d); err != nil {
		return v, err
	}
	if d.Rows, err = s.Drift.Results(ctx, d.Run.ID, d.Filter, number(q.Get("after")), tasksShown+1); err != nil {
		return v, err
	}
	if len(d.Rows) > tasksShown {
		d.Rows = d.Rows[:tasksShown]
		next := url.Values{"host": {d.Filter.Host}, "outcome": {d.Filter.Outcome}, "search": {d.Filter.Text}, "after": {strconv.FormatInt(d.Rows[tasksShown-1].Seq, 10)}}
		d.Next = "/drift/runs/" + url.PathEscape(d.Run.ID) + "?" + next.Encode()
	}
	return view{Page: "driftrun", Title: "Run of " + d.Run.Playbook, Command: "goodstate drift " + d.Run.Playbook + driftVerb(d.Run.Mode), Live: d.Running, Data: d}, nil
}

// launchable tells what of the playbooks of differences is run from templates that who looks may launch.
func (s *site) launchable(r *http.Request, causes []record.Cause) map[string]bool {
	out := map[string]bool{}
	for _, c := range causes {
		target, ok := strings.CutPrefix(c.Playbook, "template/")
		if _, known := out[c.Playbook]; !ok || known {
			continue
		}
		project, _, _ := strings.Cut(target, "/")
		out[c.Playbook] = s.may(r, project, auth.Launch) == nil
	}
	return out
}

// driftFix is how a difference of a playbook is put right: the command, and for what is run from a template the page that launches it.
type driftFix struct{ Page, Command, Accept string }

// fixOf tells it. A template's runs are recorded under its target.
func fixOf(c record.Cause) driftFix {
	accept := sh("goodstate", "drift", "accept", c.Playbook, commit(c.Cause), "--why", "REASON")
	target, ok := strings.CutPrefix(c.Playbook, "template/")
	project, template, whole := strings.Cut(target, "/")
	if !ok || !whole {
		return driftFix{"", sh("goodstate", "drift", c.Playbook, "fix"), accept}
	}
	only := strings.Join(c.Few, ",")
	page := projectPath(project) + "/templates/" + url.PathEscape(template) + "/launch"
	if only != "" {
		page += "?" + url.Values{"limit": {only}}.Encode()
	}
	return driftFix{page, sh(append([]string{"goodstate", "template", "launch", project, template}, option("--limit", only)...)...), accept}
}

func driftVerb(m record.Mode) string {
	if m == record.Correct {
		return " fix"
	}
	return " diff"
}

// acceptDrift lets a difference stay for some days, for a reason.
func (s *site) acceptDrift(r *http.Request, who string) (string, error) {
	playbook, why := r.PostFormValue("playbook"), strings.TrimSpace(r.PostFormValue("why"))
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil || days < 1 || days > ignoredMost {
		return "", fmt.Errorf("ignore a difference: for %q days, want a number from 1 to %d", r.PostFormValue("days"), ignoredMost)
	}
	now := time.Now()
	until := now.Add(time.Duration(days) * 24 * time.Hour)
	cause, err := s.Drift.Ignore(r.Context(), playbook, r.PostFormValue("cause"), why, who, now, until)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("difference %s of %s may stay until %s: %s", cause[:8], playbook, until.Format("2006-01-02"), why)
	_, err = s.Journal.Append(r.Context(), journal.Entry{Event: "drift.accepted", Actor: who, Text: text})
	return "/drift?" + url.Values{"playbook": {r.PostFormValue("shown")}}.Encode(), err
}

// cut shortens text to at most so many bytes and says that it did.
func cut(most int, text string) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + " … (cut; goodstate drift --json has all of it)"
}

// condition is the badge of a state.
func condition(st state.State) badge {
	switch st {
	case state.Good:
		return badge{"good", "✓ good"}
	case state.Drifted, state.Flapping:
		return badge{"bad", "✗ " + st.Word()}
	case state.Pending:
		return badge{"doubt", "… pending change"}
	case state.Uncheckable:
		return badge{"plain", "cannot be checked"}
	}
	return badge{"doubt", "? unknown"}
}

func count(n int, word string) string { return strconv.Itoa(n) + " " + word }
