package rollout

import (
	"context"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/rollout/strategy"
)

// patience is how long one step waits for a person before the next one does; the rollout waits for as long as it takes.
const patience = time.Hour

// between is the time from one look to the next where the configuration says to wait on.
const between = 10 * time.Second

// until looks at the release until something is known: nil to go on, or the trigger of the way back. What stays unknown is
// done as the service's `unknown` says: a person is asked, it is looked at again, or the release goes back.
func (ro *rollout) until(step, by, stage string, look func(step string) (looked, error)) (*Trigger, error) {
	for try := 1; ; try++ {
		name := step
		if try > 1 {
			name = fmt.Sprintf("%s-again-%d", step, try)
		}
		l, err := look(name)
		switch {
		case err != nil || l.sure():
			return nil, err
		case l.bad() || ro.in.Config.Unknown == strategy.UnknownRollback:
			return ro.triggerOf(l, by, stage), nil
		}
		said, err := ro.ask(name, stage, l.why())
		if err != nil {
			return nil, err
		}
		switch said.Do {
		case SignalRollback:
			return &Trigger{At: said.At, By: said.By, Stage: stage, Why: said.Why, Findings: l.Findings, Weight: ro.weight}, nil
		case SignalPromote:
			return nil, nil
		}
	}
}

// answered is what a person said.
type answered struct {
	Do     string    `json:"do"`
	By     string    `json:"by"`
	Why    string    `json:"why"`
	At     time.Time `json:"at"`
	Signal int64     `json:"signal"`
}

// ask waits for a person's word. Where the configuration says to wait on, the time to the next look is the answer.
func (ro *rollout) ask(step, stage, why string) (answered, error) {
	limit := patience
	if ro.in.Config.Unknown == strategy.UnknownWait {
		limit = between
	}
	for again := 1; ; again++ {
		out, err := do(ro, fmt.Sprintf("%s-asks-%d", step, again), "waits: not known: "+why, func(ctx context.Context) (answered, error) {
			if limit == patience {
				if err := ro.record(ctx, step+"-paused", fmt.Sprintf("%s: paused: %s", stage, why), nil); err != nil {
					return answered{}, err
				}
				title := fmt.Sprintf("%s: the release of %s waits for a person", ro.in.Service, ro.new.Release.Version)
				if err := ro.tell(ctx, "asks-"+step, notify.Warning, title, why, nil); err != nil {
					return answered{}, err
				}
			}
			s, came, err := ro.r.Await(ctx, ro.signal, limit)
			if err != nil || !came {
				return answered{Signal: ro.signal}, err
			}
			return answered{Do: s.Name, By: s.Who, Why: s.Why, At: time.Now(), Signal: s.Seq}, ro.record(ctx, "asked", fmt.Sprintf("%s asks to %s: %s", s.Who, s.Name, s.Why), nil)
		})
		if err != nil {
			return out, err
		}
		ro.signal = out.Signal
		answered := out.Do == SignalRollback || out.Do == SignalPromote || out.Do == SignalResume
		if answered || limit == between && out.Do == "" {
			return out, nil
		}
	}
}
