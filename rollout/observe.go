package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/rollout/samples"
	"goodstate.dev/goodstate/rollout/strategy"
)

// held is how the judging of a stage ended.
type held struct {
	Do       strategy.Do    `json:"do"`
	Why      string         `json:"why"`
	By       string         `json:"by"`
	At       time.Time      `json:"at"`
	Signal   int64          `json:"signal"` // last signal seen
	FirstBad time.Time      `json:"first_bad,omitzero"`
	Findings []good.Finding `json:"findings,omitempty"`
}

// judge watches the new release for as long as the stage holds, and returns a trigger when it has to go back.
func (ro *rollout) judge(step, stage string, hold time.Duration, compare bool) (*Trigger, error) {
	text := fmt.Sprintf("%s: judge %s at %s for %s", stage, ro.new.Release.Version, percent(ro.weight), hold)
	out, err := do(ro, step, text, func(ctx context.Context) (held, error) {
		return ro.observe(ctx, step, stage, hold, compare)
	})
	if err != nil {
		return nil, err
	}
	ro.signal = out.Signal
	if out.Do != strategy.Rollback {
		return nil, nil
	}
	return &Trigger{At: out.At, By: out.By, Stage: stage, Why: out.Why, Findings: out.Findings, FirstBad: out.FirstBad, Weight: ro.weight}, nil
}

// observe looks once a second, asks the strategy what to do, and listens to people meanwhile. A step that runs again after a
// crash judges its whole time again: nobody looked while the controller was down.
func (ro *rollout) observe(ctx context.Context, step, stage string, hold time.Duration, compare bool) (held, error) {
	e, err := ro.look(ctx, compare)
	if err != nil {
		return held{}, err
	}
	checks := ro.patrol(ctx)
	defer checks.stop()
	around, end, err := ro.lookOut(ctx, compare)
	if err != nil {
		return held{}, err
	}
	defer end()

	out := held{Signal: ro.signal}
	status := strategy.Status{
		Stage: ro.stage, Stages: len(ro.stages), Weight: ro.weight, Hold: hold,
		OnUnknown: ro.in.Config.Unknown, Observe: ro.in.Config.Mode == "observe", Watch: step == "watch",
		Gate: ro.gate != nil,
	}
	if err := ro.asksApproval(ctx); err != nil {
		return held{}, err
	}
	standing, began := "", time.Now()
	var paused time.Duration
	for next := began; ; next = next.Add(time.Second) {
		sig, got, err := ro.r.Await(ctx, out.Signal, max(0, time.Until(next)))
		if err != nil {
			return held{}, err
		}
		status.Asked, out.By = "", ""
		if got {
			out.Signal = sig.Seq
			status.Asked, out.By, status.Why = sig.Name, sig.Who, sig.Why
			next = time.Now().Add(-time.Second)
			if sig.Name == SignalApprove {
				counts, err := ro.approves(ctx, sig)
				if err != nil {
					return held{}, err
				}
				if !counts {
					status.Asked, out.By = "", ""
				}
			} else if err := ro.record(ctx, "asked", fmt.Sprintf("%s asks to %s: %s", sig.Who, sig.Name, sig.Why), nil); err != nil {
				return held{}, err
			}
		}
		if err := e.catchUp(ctx, time.Now()); err != nil {
			return held{}, err
		}
		if status.Paused {
			paused += time.Second
		}
		status.Elapsed = time.Since(began) - paused
		if checks.undecided() || around.undecided(time.Now()) {
			status.Elapsed = min(status.Elapsed, hold-1)
		}
		if standing, err = ro.rerouted(ctx, standing); err != nil {
			return held{}, err
		}
		findings := append(e.findings(status.Elapsed >= hold), checks.findings()...)
		findings = append(findings, around.findings(time.Now(), ro.new.Release.Version)...)
		ro.show(func(l *Live) {
			l.Judge, l.Findings, l.Elapsed, l.Hold = e.judge.State(), findings, status.Elapsed, hold
			l.Signals = around.states(time.Now())
		})

		action := strategy.Next(status, findings)
		done, err := ro.act(ctx, step, stage, &status, action)
		if err != nil {
			return held{}, err
		}
		if !done {
			continue
		}
		out.Do, out.Why, out.At, out.Findings, out.FirstBad = action.Do, action.Why, time.Now(), worst(findings), e.firstBad
		if out.By == "" {
			out.By = by(out.Findings)
		}
		ro.keepSamples(ctx, func(k *samples.Kept) {
			if out.Do == strategy.Rollback {
				k.Trigger = out.At
			}
		})
		return out, ro.recordFindings(ctx, out.Findings)
	}
}

// act notes what the strategy wants; done says that the stage is over.
func (ro *rollout) act(ctx context.Context, step, stage string, status *strategy.Status, a strategy.Action) (done bool, err error) {
	switch a.Do {
	case strategy.Advance, strategy.Promote, strategy.Rollback:
		text := fmt.Sprintf("%s: %s: %s", stage, a.Do, a.Why)
		if err := ro.record(ctx, step+"-decided", text, a); err != nil {
			return true, err
		}
		return true, ro.tell(ctx, "decided-"+step, notify.Info, fmt.Sprintf("%s: %s of %s", ro.in.Service, a.Do, ro.new.Release.Version), text, nil)
	case strategy.Pause:
		if status.Paused {
			return false, nil
		}
		status.Paused = true
		ro.r.Note("paused: " + a.Why)
		ro.show(func(l *Live) { l.Paused = a.Why })
		if err := ro.record(ctx, step+"-paused", fmt.Sprintf("%s: paused: %s", stage, a.Why), a); err != nil {
			return false, err
		}
		title := fmt.Sprintf("%s: the release of %s waits for a person", ro.in.Service, ro.new.Release.Version)
		return false, ro.tell(ctx, "asks-"+step, notify.Warning, title, a.Why, nil)
	default:
		if err := ro.observed(ctx, step, stage, status, a); err != nil {
			return false, err
		}
		if status.Paused && status.Asked == SignalResume {
			status.Paused = false
			ro.r.Note(fmt.Sprintf("%s: judging again", stage))
			ro.show(func(l *Live) { l.Paused = "" })
			return false, ro.record(ctx, step+"-resumed", stage+": judging goes on", a)
		}
		return false, nil
	}
}

// observed records what goodstate would have done where it only observes; the same decision is said once.
func (ro *rollout) observed(ctx context.Context, step, stage string, status *strategy.Status, a strategy.Action) error {
	would, _, _ := strings.Cut(a.Why, ":")
	if !status.Observe || !strings.HasPrefix(would, "only observing") || would == ro.would {
		return nil
	}
	ro.would = would
	if err := ro.record(ctx, step+"-observed", stage+": "+a.Why, a); err != nil {
		return err
	}
	return ro.tell(ctx, "observed-"+step+"-"+would, notify.Warning, fmt.Sprintf("%s: %s, %s", ro.in.Service, ro.new.Release.Version, would), a.Why, nil)
}

// worst keeps the findings that explain a decision: those that failed, else those that are unknown, else all.
func worst(all []good.Finding) []good.Finding {
	for _, v := range []good.Verdict{good.Fail, good.Unknown} {
		var out []good.Finding
		for _, f := range all {
			if f.Verdict == v {
				out = append(out, f)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return all
}

func by(findings []good.Finding) string {
	if len(findings) == 0 {
		return "goodstate"
	}
	return findings[0].Check
}
