package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/rollout/migrate"
)

// PointState is a known-good point and whether one can go back to it now.
type PointState struct {
	good.Point
	Serving bool     `json:"serving,omitempty"` // it is what serves now
	Refused string   `json:"refused,omitempty"` // why one cannot go back to it
	Schema  []string `json:"schema,omitempty"`  // what the way back does with the database, in order
}

// pointsShown bounds how many points are looked at: each look reads a kept folder.
const pointsShown = 20

// Points lists the newest known-good points of a service, newest first.
func (s *Rollouts) Points(ctx context.Context, service string) ([]PointState, error) {
	if _, err := s.service(service); err != nil {
		return nil, err
	}
	points, err := s.Store.Points(ctx, service)
	if err != nil {
		return nil, err
	}
	serving, err := s.Serving(ctx, service)
	if err != nil {
		return nil, err
	}
	out := make([]PointState, 0, min(len(points), pointsShown))
	for _, p := range points[:min(len(points), pointsShown)] {
		st := PointState{Point: p}
		switch {
		case serving == nil:
		case serving.Release.ID() == p.Release.ID():
			st.Serving = true
		default:
			if _, st.Schema, err = s.wayTo(ctx, *serving, p); err != nil {
				var refused *NoWayError
				if !errors.As(err, &refused) {
					return nil, err
				}
				st.Refused = refused.Why
			}
		}
		out = append(out, st)
	}
	return out, nil
}

// NoWayError says why a service cannot go back to a known-good point.
type NoWayError struct{ Service, Point, Version, Why string }

// Error names the point and the reason.
func (e *NoWayError) Error() string {
	return fmt.Sprintf("%s cannot go back to %s (%s): %s", e.Service, e.Version, e.Point, e.Why)
}

// Hint says how to find another one.
func (e *NoWayError) Hint() string {
	return "goodstate points " + e.Service + " shows to which ones it can"
}

// Is makes it one of those who say that there is nothing to go back to.
func (e *NoWayError) Is(target error) bool { return target == ErrNothing }

// wayTo says how one gets from what serves to a point: the release as it is kept, and what is done with the schema. It is a *NoWayError where one cannot.
func (s *Rollouts) wayTo(ctx context.Context, serving Kept, p good.Point) (*Kept, []string, error) {
	service := p.Service
	no := func(why string, args ...any) (*Kept, []string, error) {
		return nil, nil, &NoWayError{service, p.ID, p.Release.Version, fmt.Sprintf(why, args...)}
	}
	holds, err := s.Store.Holds(ctx, service)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range holds {
		if h.Release == p.Release.ID() {
			return no("it is held since %s by %s: %s", h.At.Local().Format("2006-01-02 15:04"), h.Who, h.Why)
		}
	}
	kept, err := s.kept(ctx, service, p.Release.ID())
	if err != nil {
		return no("%s", err)
	}
	src := s.Source(service, kept.Config)
	if broken := src.Verify(ctx, kept.Release); broken != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err := src.Has(ctx, kept.Release.Commit); err != nil {
			return no("%s, and it cannot be built again: %s", broken, err)
		}
	}
	all, err := s.movedSchemas(ctx, service)
	if err != nil {
		return nil, nil, err
	}
	steps, why, err := schemaWay(all, serving.Release, p.Release)
	if err != nil {
		return nil, nil, err
	}
	if why != "" {
		return no("%s", why)
	}
	return kept, steps, nil
}

// schemaWay says what brings the schema from one release back to another, the newest change first, or why nothing does.
func schemaWay(all []moved, from, to good.Release) (steps []string, refused string, err error) {
	at, goal, err := versions(from, to)
	if err != nil {
		return nil, "", err
	}
	for _, m := range slices.Backward(all) {
		later, err := after(m.Plan, to)
		if err != nil {
			return nil, "", err
		}
		if !later {
			continue
		}
		if at >= 0 && m.Plan.To != at {
			return nil, fmt.Sprintf("what moved the schema from version %d on to %d is not in the record any more", m.Plan.To, at), nil
		}
		at = m.Plan.From
		step := fmt.Sprintf("schema back from version %d to %d, with its data", m.Plan.To, m.Plan.From)
		if why := noUndo(m); why != "" {
			return nil, fmt.Sprintf("the schema cannot go back from version %d to %d: %s", m.Plan.To, m.Plan.From, why), nil
		}
		if m.Plan.Point != "" {
			step += ", and the rows of the restore point " + m.Plan.Point
		}
		steps = append(steps, step)
	}
	if at >= 0 && at < goal {
		return nil, fmt.Sprintf("it needs the schema at version %d, which is at %d: deploy %s, which moves the schema too", goal, at, to.Version), nil
	}
	if at > goal {
		return nil, fmt.Sprintf("what moved the schema from version %d on to %d is not in the record any more", goal, at), nil
	}
	return steps, "", nil
}

// versions are the schema versions of two releases; -1 is not known, as of a service that has no database.
func versions(from, to good.Release) (at, goal int64, err error) {
	at = -1
	if from.Schema != "" {
		if at, err = strconv.ParseInt(from.Schema, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("schema version %q of %s: %w", from.Schema, from.Version, err)
		}
	}
	if to.Schema != "" {
		if goal, err = strconv.ParseInt(to.Schema, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("schema version %q of %s: %w", to.Schema, to.Version, err)
		}
		return at, goal, nil
	}
	if at >= 0 {
		goal = 0
	}
	return at, goal, nil
}

// noUndo says why a change of the schema cannot be undone any more.
func noUndo(m moved) string {
	if c := m.Kept.Config.Migrations; c != nil && c.Command != nil && c.Command.Down == "" {
		return "the command that migrates has no way down"
	}
	if m.Cleaned {
		return "what it put aside was removed after " + m.Kept.Config.Migrations.Keep.String() + ", as migrations.keep says"
	}
	if path, ours := strings.CutPrefix(m.Plan.Point, dumped); ours {
		if _, err := os.Stat(path); err != nil {
			return "its restore point is gone: " + err.Error()
		}
		return ""
	}
	for _, c := range m.Plan.Changes {
		if c.Class == migrate.Irreversible && m.Plan.Point == "" {
			return c.Place() + " cannot be undone and has no restore point"
		}
	}
	return ""
}

// prepareBack finds where to go back to: the point that is named, else the newest one of another release that is not held.
func (s *Rollouts) prepareBack(ctx context.Context, service, point string) (Input, error) {
	if _, err := s.service(service); err != nil {
		return Input{}, err
	}
	serving, err := s.Serving(ctx, service)
	if err != nil {
		return Input{}, err
	}
	if serving == nil {
		return Input{}, fmt.Errorf("%s: %w: no release of it serves", service, ErrNothing)
	}
	points, err := s.Store.Points(ctx, service)
	if err != nil {
		return Input{}, err
	}
	p, err := s.choose(ctx, *serving, points, service, point)
	if err != nil {
		return Input{}, err
	}
	kept, _, err := s.wayTo(ctx, *serving, p)
	if err != nil {
		return Input{}, err
	}
	return Input{Service: service, Config: serving.Config, Release: serving.Release, Old: kept, Back: true, Point: &p}, nil
}

func (s *Rollouts) choose(ctx context.Context, serving Kept, points []good.Point, service, named string) (good.Point, error) {
	holds, err := s.Store.Holds(ctx, service)
	if err != nil {
		return good.Point{}, err
	}
	var names []string
	mine := slices.ContainsFunc(points, func(p good.Point) bool { return p.Release.ID() == serving.Release.ID() })
	for _, p := range points { // newest first
		names = append(names, p.Release.Version, p.ID)
		other := p.Release.ID() != serving.Release.ID()
		if mine = mine && other; mine && named == "" {
			continue // newer than what serves: going there would not be back
		}
		switch {
		case named != "" && p.ID != named && p.Release.Version != named:
		case named != "" && !other:
			return p, fmt.Errorf("%s: %w: %s is what serves now", service, ErrNothing, named)
		case named != "":
			return p, nil
		case other:
			held := false
			for _, h := range holds {
				held = held || h.Release == p.Release.ID()
			}
			if !held {
				return p, nil
			}
		}
	}
	if named != "" {
		near := ""
		if n := config.Nearest(named, names); n != "" {
			near = " (did you mean " + n + "?)"
		}
		return good.Point{}, fmt.Errorf("%s has no known-good point %q%s; goodstate points %s lists them", service, named, near, service)
	}
	return good.Point{}, fmt.Errorf("%s: %w: there is no known-good point of another release than %s that is not held", service, ErrNothing, serving.Release.Version)
}

// evidenceMost bounds what a point carries with it; the rest is in the journal.
const evidenceMost = 200

// evidence is what a known-good point rests on: the last finding of every check that looked at the new release, what people agreed to, and the judge's last word.
func (ro *rollout) evidence(ctx context.Context) ([]good.Finding, error) {
	entries, err := ro.Journal.List(ctx, journal.Filter{Run: ro.r.ID(), Limit: 10_000})
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	var out []good.Finding
	for _, e := range entries {
		var f good.Finding
		switch {
		case e.Event == "finding" && json.Unmarshal(e.Data, &f) == nil:
			if f.Release != "" && f.Release != ro.new.Release.Version {
				continue
			}
		case e.Event == "approved":
			f = good.Finding{Check: "approval", Verdict: good.Pass, Observed: e.Text, At: e.At}
		default:
			continue
		}
		f.Detail = ""
		if i, there := at[f.Check]; there && f.Check != "approval" {
			out[i] = f
			continue
		}
		at[f.Check] = len(out)
		out = append(out, f)
	}
	if ro.eyes != nil && ro.eyes.router != nil {
		f := ro.eyes.judge.Conclude()
		if i, there := at[f.Check]; there {
			out[i] = f
		} else {
			out = append(out, f)
		}
	}
	return out[:min(len(out), evidenceMost)], nil
}
