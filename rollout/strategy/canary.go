package strategy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

func init() {
	config.Register(config.Kind[Strategy]{
		Name:    "canary",
		Help:    "give the new release a growing share of the traffic, each judged against the old release beside it",
		Example: "canary: {steps: [5%, 25%, 50%], hold: 1m, back: at-once}",
		New: func(decode func(any) error) (Strategy, error) {
			c := &Canary{Steps: []config.Percent{500, 2500, 5000}, Hold: config.Duration(time.Minute), Way: AtOnce}
			return c, decode(c)
		},
	})
}

// Canary lets the new release serve a growing share of the traffic. The old release stays up in full until the end, so
// that going back needs nothing to be started.
type Canary struct {
	Steps []config.Percent `yaml:"steps" help:"shares of the traffic on the new release, growing; 100% follows by itself" example:"[5%, 25%, 50%]"`
	Hold  config.Duration  `yaml:"hold" help:"how long each share is judged"`
	Way   string           `yaml:"back" enum:"at-once,steps" help:"way back: all traffic at once, or through the same shares"`
}

// Validate reports shares that do not grow, and a hold that judges nothing.
func (c *Canary) Validate() error {
	last := config.Percent(0)
	for _, s := range c.Steps {
		if s <= last || s > traffic.Full {
			return fmt.Errorf("steps: %s after %s, want shares that grow and are at most 100%%", s, last)
		}
		last = s
	}
	if c.Hold <= 0 {
		return errors.New("hold: nothing can be judged in no time, want 10s or more")
	}
	return nil
}

// Stages gives each share its stage, and all traffic the last one.
func (c *Canary) Stages(instances int) []Stage {
	var stages []Stage
	for _, s := range c.Steps {
		if s >= traffic.Full {
			break
		}
		stages = append(stages, Stage{
			Name: "canary at " + percent(int(s)), Weight: int(s), New: instancesFor(int(s), instances), Old: instances,
			Hold: time.Duration(c.Hold), Compare: true,
		})
	}
	return append(stages, Stage{Name: "all traffic", Weight: traffic.Full, New: instances, Old: instances, Hold: time.Duration(c.Hold)})
}

// Back goes through the smaller shares again, or home at once.
func (c *Canary) Back(forward []Stage, at int) []Stage {
	var back []Stage
	if c.Way == InSteps && at > 0 {
		for _, s := range slices.Backward(forward[:min(at, len(forward))]) {
			s.Name, s.Hold = "back to "+percent(s.Weight), stepHold(s.Hold)
			back = append(back, s)
		}
	}
	return append(back, home(forward))
}
