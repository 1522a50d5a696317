package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/condition"
	"goodstate.dev/goodstate/rollout/strategy"
)

// names are what the conditions of a service can be about: the checks that run while a stage is judged, and the signals.
func (s *Service) names() condition.Names {
	n := condition.Names{Checks: s.checksOn(AtStage), Signals: s.Signals.Keys()}
	if s.Health != nil {
		n.Checks = append(n.Checks, "health")
	}
	return n
}

// validateConditions reports expressions that cannot be read.
func (s *Service) validateConditions(report func(path, message string)) {
	for name, spec := range s.Conditions.All() {
		if _, err := condition.Compile(spec.When, s.names()); err != nil {
			report("conditions."+name+".when", err.Error())
		}
	}
}

// rules are the conditions of a rollout.
type rules struct {
	all []*ruled
}

type ruled struct {
	name       string
	spec       condition.Spec
	expression *condition.Expression
	track      condition.Track
	asked      bool // a pause was asked for, and the condition has been true since
}

// rule makes the rollout's conditions, once.
func (ro *rollout) rule() (*rules, error) {
	if ro.rules != nil {
		return ro.rules, nil
	}
	r := &rules{}
	for name, spec := range ro.in.Config.Conditions.All() {
		e, err := condition.Compile(spec.When, ro.in.Config.names())
		if err != nil {
			return nil, fmt.Errorf("condition %s: %w", name, err)
		}
		r.all = append(r.all, &ruled{name: name, spec: spec, expression: e})
	}
	ro.rules = r
	return r, nil
}

// wants says whether a condition is about a value that has to be read for it.
func (r *rules) wants(name string) bool {
	for _, c := range r.all {
		if c.expression.Uses(name) {
			return true
		}
	}
	return false
}

// findings are what the conditions say now. Pause is why a person has to be asked, once until the condition is not true any more.
func (r *rules) findings(v condition.Values, now time.Time, version string) (out []good.Finding, pause string) {
	for _, c := range r.all {
		holds, known, err := c.expression.Holds(v)
		f := good.Finding{Check: "condition " + c.name, Verdict: good.Pass, Observed: c.expression.Seen(v), Wanted: "not " + c.spec.When, Release: version, At: now}
		broken := c.track.Observe(now, holds, known, time.Duration(c.spec.For))
		switch {
		case err != nil:
			f.Verdict, f.Observed = good.Unknown, err.Error()
		case !known:
			f.Verdict = good.Unknown
		case broken && c.spec.Do == condition.Rollback:
			f.Verdict = good.Fail
		case broken:
			f.Verdict = good.Unknown
			if !c.asked {
				pause = f.Check + ": " + f.Observed
			}
			c.asked = true
		case holds:
			f.Verdict = good.Unknown
			f.Observed += "; a suspicion"
		default:
			c.asked = false
		}
		out = append(out, f)
	}
	return out, pause
}

// values are what is known at this moment, for conditions.
func (ro *rollout) values(e *eyes, checks, alarms []good.Finding, o *outlook, now time.Time) condition.Values {
	v := condition.Values{}
	for _, name := range ro.in.Config.names().Checks {
		if verdict := overallOf(checks, name); verdict != good.Unknown {
			v["checks."+condition.Ident(name)] = verdict.String()
		}
	}
	for _, f := range o.signals {
		f.mu.Lock()
		fresh, old := f.track.Values(now)
		f.mu.Unlock()
		if fresh != nil {
			v["signals."+condition.Ident(f.name)] = *fresh
		}
		if old != nil {
			v["old_signals."+condition.Ident(f.name)] = *old
		}
	}
	fresh, old := e.judge.Measured()
	for name, value := range fresh {
		v["new."+name] = value
	}
	for name, value := range old {
		v["old."+name] = value
	}
	if e.ears != nil {
		v["reports"] = float64(len(e.ears.heard))
	}
	if ro.Alerts != nil {
		firing := []string{}
		for _, f := range alarms {
			name, is := strings.CutPrefix(f.Check, "alert ")
			if is && f.Verdict == good.Fail {
				firing = append(firing, name)
			}
			if f.Verdict == good.Unknown {
				return v // they could not be read
			}
		}
		v["alerts"] = firing
	}
	return v
}

// overallOf is the verdict of a check over all instances.
func overallOf(findings []good.Finding, name string) good.Verdict {
	var of []good.Finding
	for _, f := range findings {
		if strings.HasPrefix(f.Check, name+" of ") {
			of = append(of, f)
		}
	}
	return good.Overall(of)
}

// heed holds the conditions against what is known, and lets one that is to pause ask in a person's stead.
func (ro *rollout) heed(ctx context.Context, status *strategy.Status, v condition.Values, now time.Time) ([]good.Finding, error) {
	findings, pause := ro.rules.findings(v, now, ro.new.Release.Version)
	if pause == "" || status.Asked != "" || status.Paused || status.Observe {
		return findings, nil
	}
	status.Asked, status.Why = strategy.AskPause, pause
	return findings, ro.record(ctx, "asked", "goodstate asks to pause: "+pause, nil)
}
