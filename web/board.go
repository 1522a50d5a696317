package web

import (
	"net/http"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
)

// trouble is one thing that needs a person.
type trouble struct {
	Text, Link, Do string
	Since          string
}

type boardData struct {
	Wrong    []trouble
	Doing    []doing
	Changed  []listedRun
	Services []rollout.State
}

type doing struct {
	Service string
	rollout.Active
}

// board is the first page: is anything wrong now, since when, what changed, what is being done.
func (s *site) board(r *http.Request) (view, error) {
	d := boardData{}
	for _, name := range s.Rollouts.Services.Keys() {
		st, err := s.state(r.Context(), name)
		if err != nil {
			return view{}, err
		}
		d.Services = append(d.Services, st)
		d.Wrong = append(d.Wrong, s.troubles(st)...)
		if st.Active != nil {
			d.Doing = append(d.Doing, doing{name, *st.Active})
		}
	}
	late, err := s.late(r)
	if err != nil {
		return view{}, err
	}
	d.Wrong = append(d.Wrong, late...)
	if d.Wrong, err = s.unaudited(r, d.Wrong); err != nil {
		return view{}, err
	}
	if d.Wrong, err = s.unprotected(r, d.Wrong); err != nil {
		return view{}, err
	}
	all, err := s.Engine.List(r.Context(), run.Filter{Limit: 100})
	if err != nil {
		return view{}, err
	}
	all = slices.DeleteFunc(all, func(r run.Info) bool { return backup.IsKind(r.Kind) && r.Kind != backup.KindRestore }) // copies change nothing
	if d.Changed, err = listRuns(all[:min(10, len(all))]); err != nil {
		return view{}, err
	}
	return view{Page: "board", Title: "Board", Command: "goodstate status", Live: true, Data: d}, nil
}

// troubles lists what of a service needs a person now.
func (s *site) troubles(st rollout.State) []trouble {
	var out []trouble
	at := "/services/" + st.Service
	if st.Active != nil {
		if live, ok := s.Rollouts.Live(st.Active.Run); ok && live.Paused != "" {
			out = append(out, trouble{st.Service + " waits for a person: " + live.Paused, "/rollouts/" + st.Active.Run, "Decide", "since " + ago(st.Active.Since)})
		}
	}
	if st.Problem != "" {
		t := trouble{Text: st.Service + ": " + st.Problem, Link: at, Do: "Look at it"}
		if st.Last != nil && st.Last.Outcome == rollout.Incomplete {
			t.Since, t.Link = "since "+ago(st.Last.Ended), "/rollouts/"+st.Last.Run
		}
		out = append(out, t)
	}
	return out
}

// unaudited adds where the journal does not arrive.
func (s *site) unaudited(r *http.Request, all []trouble) ([]trouble, error) {
	if s.Audit == nil {
		return all, nil
	}
	states, err := s.Audit.Status(r.Context())
	for _, st := range states {
		if text := st.Trouble(time.Now()); text != "" {
			all = append(all, trouble{Text: text, Link: "/journal", Do: "See the journal"})
		}
	}
	return all, err
}
