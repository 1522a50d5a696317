package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/analysis"
)

type rolloutData struct {
	Run     run.Info
	Input   rollout.Input
	Live    *rollout.Live
	Left    time.Duration // of the stage under way
	Result  *rollout.Result
	Report  *analysis.Report
	Errors  *chart
	Latency *chart
	Events  []journal.Entry
	End     badge
	CanBack bool
	Actions []store.Action
}

const (
	eventsShown = 300
	chartPast   = 15 * time.Minute // what a proxy surely keeps
)

// rollout is the page of one rollout: while it is under way what is seen now, afterwards what it came to, and why.
func (s *site) rollout(r *http.Request) (view, error) {
	id := r.PathValue("run")
	info, err := s.Engine.Get(r.Context(), id)
	if err != nil {
		return view{}, err
	}
	if info.Kind != rollout.Kind {
		return view{}, fmt.Errorf("run %s is a %s, not a rollout: %w", id, info.Kind, errNoPage)
	}
	d := rolloutData{Run: info, End: ended(info)}
	if err := json.Unmarshal(info.Input, &d.Input); err != nil {
		return view{}, fmt.Errorf("input of run %s: %w", id, err)
	}
	v := view{Page: "rollout", Title: d.Input.Service + " " + d.Input.Release.Version, Live: true, Phase: string(info.State)}
	if d.Events, err = s.Journal.List(r.Context(), journal.Filter{Run: id, Limit: eventsShown, Newest: true}); err != nil {
		return v, err
	}
	slices.Reverse(d.Events)
	if info.State == run.Running {
		v.Command = "goodstate status " + d.Input.Service
		if l, ok := s.Rollouts.Live(id); ok {
			d.Live, d.Left = &l, max(0, l.Hold-l.Elapsed)
			if l.Paused != "" {
				v.Phase = "paused"
			}
		}
		p, _ := auth.PrincipalFrom(r.Context()) // Require has seen it
		d.CanBack = p.Can(auth.Rollback)
		s.chartNow(r, &d)
		v.Data = d
		return v, nil
	}
	v.Command = "goodstate report rollout " + id
	if d.Actions, err = s.Store.Actions(r.Context(), id, false); err != nil {
		return v, err
	}
	res, err := rollout.ResultOf(info)
	if err != nil {
		return v, err
	}
	if res.Outcome != "" {
		d.Result = &res
	}
	var report analysis.Report
	switch err := s.Store.Document(r.Context(), id, "analysis", &report); {
	case err == nil:
		d.Report = &report
		d.Errors, d.Latency = chartsOf(report.Series, report.Marks())
	case !errors.Is(err, store.ErrNoDocument):
		return v, err
	default:
		s.chartNow(r, &d)
	}
	v.Data = d
	return v, nil
}

// chartNow draws what the proxy has counted since shortly before the rollout began. Without it the page has no charts.
func (s *site) chartNow(r *http.Request, d *rolloutData) {
	if d.Input.Config.Traffic == nil {
		return
	}
	from := d.Run.Started.Add(-30 * time.Second)
	if past := time.Now().Add(-chartPast); from.Before(past) {
		if !d.Run.Ended.IsZero() {
			return // what is kept is no longer of this rollout
		}
		from = past
	}
	seconds, err := s.Rollouts.Router.Seconds(r.Context(), d.Input.Service, from)
	if err != nil {
		return // the page says so by the service's problem
	}
	old := ""
	if d.Input.Old != nil {
		old = d.Input.Old.Release.ID()
	}
	points := make([]analysis.Point, 0, len(seconds))
	for _, sec := range seconds {
		if !d.Run.Ended.IsZero() && sec.Unix > d.Run.Ended.Unix() {
			break
		}
		if sec.Release == old || sec.Release == d.Input.Release.ID() {
			points = append(points, analysis.PointOf(sec, sec.Release != old))
		}
	}
	d.Errors, d.Latency = chartsOf(points, nil)
}
