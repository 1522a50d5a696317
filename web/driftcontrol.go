package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// Bounds of what is shown of corrections.
const (
	asksShown        = 20
	correctionsShown = 100
)

// driftControl adds what people do about drift.
func (s *site) driftControl(mux *http.ServeMux) {
	s.act(mux, "POST /drift/start", auth.Launch, s.startDrift)
	s.act(mux, "POST /drift/asks/{ask}/approve", auth.Approve, func(r *http.Request, who string) (string, error) {
		info, err := s.Control.Approve(r.Context(), r.PathValue("ask"), who, reason(r))
		return driftRunAt(info.ID), err
	})
	s.act(mux, "POST /drift/asks/{ask}/reject", auth.Approve, func(r *http.Request, who string) (string, error) {
		return "/drift", s.Control.Reject(r.Context(), r.PathValue("ask"), who, reason(r))
	})
	s.act(mux, "POST /drift/runs/{run}/cancel", auth.Launch, func(r *http.Request, who string) (string, error) {
		return driftRunAt(r.PathValue("run")), s.Control.Cancel(r.Context(), r.PathValue("run"), who, reason(r))
	})
}

func driftRunAt(id string) string { return "/drift/runs/" + url.PathEscape(id) }

// startDrift begins to look or to correct, and leads to the run.
func (s *site) startDrift(r *http.Request, who string) (string, error) {
	mode := record.Mode(r.PostFormValue("do"))
	info, err := s.Control.Start(r.Context(), mode, who, reason(r), drift.Order{Playbook: r.PostFormValue("playbook")})
	return driftRunAt(info.ID), err
}

// kept is a playbook of goodstate.yaml on the page of the fleet.
type kept struct {
	Name      string
	Schedules []string
	Running   string // id of its run under way
	Note      string
}

// askLine is a correction that waits for an approver.
type askLine struct {
	record.Ask
	On string
}

// driftControls reads what is configured and what waits.
func (s *site) driftControls(r *http.Request, d *fleetData) error {
	asks, err := s.Drift.Asks(r.Context(), d.Playbook, time.Now())
	if err != nil {
		return err
	}
	if d.MoreAsks = len(asks) - asksShown; d.MoreAsks > 0 {
		asks = asks[:asksShown]
	}
	for _, a := range asks {
		d.Asks = append(d.Asks, askLine{a, state.Fold(a.Hosts)})
	}
	if s.Control == nil {
		return nil
	}
	for name, p := range s.Control.Config.Playbooks.All() {
		if d.Playbook != "" && d.Playbook != name {
			continue
		}
		k := kept{Name: name}
		for _, sch := range p.Schedules {
			k.Schedules = append(k.Schedules, strings.TrimSpace(string(sch.Do)+" "+sch.Cron+" "+sch.TZ))
		}
		open, err := s.Engine.List(r.Context(), run.Filter{Target: drift.Target(name), State: run.Running, Limit: 1})
		if err != nil {
			return err
		}
		if len(open) > 0 {
			k.Running, k.Note = open[0].ID, open[0].Note
		}
		d.Kept = append(d.Kept, k)
	}
	return nil
}

// badFirst is the order of corrections on a page.
var badFirst = []record.CorrectionState{record.Uncertain, record.NotDone, record.Begun, record.Left, record.Waiting, record.Done}

// driftCorrections reads what became of the hosts of a run, and whether it is under way.
func (s *site) driftCorrections(r *http.Request, d *driftRunData) error {
	all, err := s.Drift.Corrections(r.Context(), d.Run.ID)
	if err != nil {
		return err
	}
	for _, st := range badFirst {
		n := 0
		for _, c := range all {
			if c.State == st {
				n++
				if len(d.Corrections) < correctionsShown {
					d.Corrections = append(d.Corrections, c)
				}
			}
		}
		if n > 0 {
			d.Tally = append(d.Tally, correctionCount{st, n})
		}
	}
	d.MoreCorrections = len(all) - len(d.Corrections)
	if s.Engine == nil {
		return nil
	}
	info, err := s.Engine.Get(r.Context(), d.Run.ID)
	if errors.Is(err, run.ErrNoRun) { // a run of the command line on a file
		return nil
	}
	d.Running, d.Note = info.State == run.Running, info.Note
	return err
}

// correctionCount is how many hosts are in a state of correction.
type correctionCount struct {
	State record.CorrectionState
	N     int
}

// correction is the badge of what became of a host.
func correction(st record.CorrectionState) badge {
	switch {
	case st == record.Done:
		return badge{"good", "✓ corrected"}
	case st == record.NotDone:
		return badge{"bad", "✗ not corrected"}
	case st == record.Uncertain:
		return badge{"doubt", "? unknown"}
	case slices.Contains([]record.CorrectionState{record.Begun, record.Waiting}, st):
		return badge{"plain", "… " + string(st)}
	}
	return badge{"plain", "left as it was"}
}
