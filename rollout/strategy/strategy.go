// Package strategy says in which stages a release takes over from the one before, how it goes back from each of them, and
// what to do after each observation. It decides over values only: it never waits, looks at a clock or touches a system.
package strategy

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Strategy is a way to take over. The members of the family are the files of this package.
type Strategy interface {
	// Stages lists the way forward for a service with so many instances (1 or more). Weights never go down on it, and the
	// last stage has all traffic. The same strategy gives the same stages again after a restart.
	Stages(instances int) []Stage
	// Back lists the way back on the given way forward, from the stage that was entered last, or was being entered; -1 is
	// before the first. Weights never go up on it, and the last stage has no traffic and no instance left on the new release.
	Back(forward []Stage, at int) []Stage
}

// Stage is one resting place of a rollout. To enter it, the side that grows is started and must be healthy before traffic
// moves, and what is too much is drained and stopped after; with OldFirst the old instances stop first, to make room.
type Stage struct {
	Name     string        `json:"name"`
	Weight   int           `json:"weight"` // share of traffic on the new release, of traffic.Full
	New      int           `json:"new"`    // instances of the new release that are up
	Old      int           `json:"old"`    // instances of the old release that are up
	OldFirst bool          `json:"old_first,omitempty"`
	Hold     time.Duration `json:"hold_ns"` // how long the new release is judged here
	Compare  bool          `json:"compare"` // the old release has traffic at the same time, to be compared with
}

// Default is the strategy of a service that names none: a canary as it comes.
func Default() (Strategy, error) {
	choice, err := config.Choose[Strategy]("canary", nil)
	if err != nil {
		return nil, fmt.Errorf("default strategy: %w", err)
	}
	return choice.New()
}

// The policies for the way back.
const (
	AtOnce  = "at-once" // all traffic leaves the new release in one step
	InSteps = "steps"   // the weights of the way forward, in reverse
)

// home is the end of every way back: everything as it was before the rollout.
func home(forward []Stage) Stage {
	return Stage{Name: "back on the old release", Old: forward[len(forward)-1].New}
}

// stepHold is how long a step on the way back rests, so that the old release can warm up: a tenth of the stage's hold,
// at most 10 s. Nothing is judged there.
func stepHold(hold time.Duration) time.Duration { return min(hold/10, 10*time.Second) }

// instancesFor is how many instances a share of the traffic needs, at least one.
func instancesFor(weight, instances int) int {
	return min(max((weight*instances+traffic.Full-1)/traffic.Full, 1), instances)
}

// percent writes a weight as people do: 5%, 0.5%.
func percent(weight int) string {
	return fmt.Sprintf("%g%%", float64(weight)*100/traffic.Full)
}
