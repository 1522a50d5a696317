package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/drift/engine"
)

// Bounds of what a page of runs shows.
const (
	resultsShown = 100
	playsShown   = 50
	recapShown   = 100 // hosts
)

type playsData struct {
	Runs []playRow
	Next string
}

// playRow is a run in a list.
type playRow struct {
	run.Info
	Order desk.Order
	End   badge
}

// plays lists the runs of all templates, the newest first, by pages.
func (s *site) plays(r *http.Request) (v view, err error) {
	runs, err := s.Engine.List(r.Context(), run.Filter{Kind: desk.KindPlay, State: run.State(r.URL.Query().Get("state")), Before: number(r.URL.Query().Get("before")), Limit: playsShown + 1})
	if err != nil {
		return v, err
	}
	var d playsData
	if len(runs) > playsShown {
		runs = runs[:playsShown]
		d.Next = "/plays?" + url.Values{"state": {r.URL.Query().Get("state")}, "before": {strconv.FormatInt(runs[playsShown-1].Seq, 10)}}.Encode()
	}
	for _, info := range runs {
		row := playRow{Info: info, End: played(info)}
		if row.Order, err = desk.OrderOf(info); err != nil {
			return v, err
		}
		d.Runs = append(d.Runs, row)
	}
	return view{Page: "plays", Title: "Runs of playbooks", Command: "goodstate history", Data: d}, nil
}

// playLink is the page of a run that a schedule names; empty: what it says is no run.
func playLink(said string) string {
	if !strings.HasPrefix(said, desk.KindPlay+"-") || strings.ContainsAny(said, " :") {
		return ""
	}
	return "/plays/" + url.PathEscape(said)
}

// played is how a run of a playbook ended.
func played(info run.Info) badge {
	switch info.State {
	case run.Running:
		return badge{"doubt", "… under way"}
	case run.Succeeded:
		return badge{"good", "✓ done"}
	}
	return badge{"bad", "✗ " + string(info.State)}
}

type playData struct {
	Run     run.Info
	Order   desk.Order
	Outcome desk.Outcome
	End     badge
	Tally   []stateTally
	Filter  desk.Filter
	States  []string
	Rows    []desk.Result
	Recap   []recapRow
	Hosts   int // of the recap
	Next    string
	May     bool   // launch in its project
	Newest  bool   // the rows are the newest first: the run is under way
	Seen    string // the same run in the record of drift
}

// stateTally is how many results are in a state.
type stateTally struct {
	State string
	N     int
	Link  string
}

// recapRow is one host's counts.
type recapRow struct {
	Host string
	engine.Count
}

// play is a run of a template as rows of tasks and hosts, by pages. While it is under way the newest are first, and the page follows it.
func (s *site) play(r *http.Request) (v view, err error) {
	ctx, q := r.Context(), r.URL.Query()
	d := playData{States: desk.States, Filter: desk.Filter{State: q.Get("state"), Host: q.Get("host"), Task: q.Get("task"), Search: q.Get("search"), After: number(q.Get("after")), Limit: resultsShown + 1}}
	if d.Run, err = s.Engine.Get(ctx, r.PathValue("run")); err != nil {
		return v, err
	}
	if d.Order, err = desk.OrderOf(d.Run); err != nil {
		return v, err
	}
	if d.Outcome, err = desk.OutcomeOf(d.Run); err != nil {
		return v, err
	}
	d.End, d.May = played(d.Run), s.may(r, d.Order.Template.Project, auth.Launch) == nil
	running := d.Run.State == run.Running
	d.Newest = running && d.Filter.After == 0
	d.Filter.Newest = d.Newest
	if err := s.playRows(r, &d); err != nil {
		return v, err
	}
	d.recap()
	if _, err := s.Drift.Run(ctx, d.Run.ID); err == nil {
		d.Seen = "/drift/runs/" + url.PathEscape(d.Run.ID)
	}
	title := fmt.Sprintf("%s of %s", d.Order.Template.Name, d.Order.Template.Project)
	return view{Page: "play", Title: title, Command: d.command(), Live: running, Phase: string(d.Run.State), Data: d}, nil
}

// playRows reads the page of results that the address asks for.
func (s *site) playRows(r *http.Request, d *playData) (err error) {
	tally, err := s.Desk.Tally(r.Context(), d.Run.ID)
	if err != nil {
		return err
	}
	for _, state := range desk.States {
		if n := tally[state]; n > 0 {
			d.Tally = append(d.Tally, stateTally{state, n, d.link(url.Values{"state": {state}})})
		}
	}
	if d.Rows, err = s.Desk.Results(r.Context(), d.Run.ID, d.Filter); err != nil {
		return err
	}
	if len(d.Rows) > resultsShown {
		d.Rows = d.Rows[:resultsShown]
		if !d.Newest {
			next := d.filters()
			next.Set("after", strconv.FormatInt(d.Rows[resultsShown-1].Seq, 10))
			d.Next = d.link(next)
		}
	}
	return nil
}

// filters are what the address narrows the rows by.
func (d *playData) filters() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"state": d.Filter.State, "host": d.Filter.Host, "task": d.Filter.Task, "search": d.Filter.Search} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func (d *playData) link(q url.Values) string {
	return "/plays/" + url.PathEscape(d.Run.ID) + "?" + q.Encode() + "#results"
}

// recap is the counts of the hosts, those that failed first.
func (d *playData) recap() {
	names := slices.SortedFunc(maps.Keys(d.Outcome.Hosts), func(a, b string) int {
		ca, cb := d.Outcome.Hosts[a], d.Outcome.Hosts[b]
		if bad := (cb.Failed + cb.Unreachable) - (ca.Failed + ca.Unreachable); bad != 0 {
			return bad
		}
		return strings.Compare(a, b)
	})
	d.Hosts = len(names)
	for _, name := range names[:min(len(names), recapShown)] {
		d.Recap = append(d.Recap, recapRow{name, d.Outcome.Hosts[name]})
	}
}

func (d *playData) command() string {
	words := append([]string{"goodstate", "template", "results", d.Run.ID}, option("--state", d.Filter.State)...)
	return sh(append(append(words, option("--host", d.Filter.Host)...), option("--search", d.Filter.Search)...)...)
}
