package rollout

import (
	"time"

	"goodstate.dev/goodstate/core/good"
)

// Outcome is how a rollout ended.
type Outcome string

// The outcomes of a rollout.
const (
	Promoted   Outcome = "promoted"    // the new release serves and is known good
	RolledBack Outcome = "rolled_back" // the old release serves again
	CouldNot   Outcome = "could_not"   // nothing was released; users never saw the new release
	Incomplete Outcome = "incomplete"  // the way back did not succeed in all its parts; a person must look
)

// Result is what a rollout came to.
type Result struct {
	Outcome     Outcome        `json:"outcome"`
	Service     string         `json:"service"`
	Release     good.Release   `json:"release"`       // the release that was tried, or left by a rollback
	Old         *good.Release  `json:"old,omitempty"` // the release before
	Why         string         `json:"why"`
	Trigger     *Trigger       `json:"trigger,omitempty"`     // what started the way back
	Revalidated good.Verdict   `json:"revalidated,omitempty"` // tests, health and metrics after the way back
	Findings    []good.Finding `json:"findings,omitempty"`    // what decided, and what was seen after the way back
	Schema      []good.Finding `json:"schema,omitempty"`      // what the way back brought back in the database
	Held        string         `json:"held,omitempty"`        // version that may not be released until a person lets it go
	Point       string         `json:"point,omitempty"`       // known-good point in force at the end
}

// Trigger is what started a way back: what was seen, or who asked.
type Trigger struct {
	At       time.Time      `json:"at"`
	By       string         `json:"by"` // "judge", "check", "instance", "test", or the person
	Stage    string         `json:"stage"`
	Why      string         `json:"why"`
	Findings []good.Finding `json:"findings,omitempty"`
	// FirstBad is the first second in which the new release answered an error that this rollout counted; zero when unknown.
	FirstBad time.Time `json:"first_bad,omitzero"`
	// Weight is the share of traffic that the new release had, in ten-thousandths.
	Weight int `json:"weight"`
}

// Input is what a run of kind "rollout" is started with. It holds all that the run needs, so that a later change of
// goodstate.yaml does not change a run that is under way.
type Input struct {
	Service string        `json:"service"`
	Config  Service       `json:"config"`
	Release good.Release  `json:"release"`       // to be released; for a rollback: the release to leave
	Old     *Kept         `json:"old,omitempty"` // what serves now; for a rollback: where to go back to
	Back    bool          `json:"back"`          // this is a rollback asked for by a person, not a deployment
	Force   bool          `json:"force,omitempty"`
	Point   *good.Point   `json:"point,omitempty"`
	At      time.Time     `json:"at"`
	Limits  time.Duration `json:"-"`
}

// Kept is a release that is kept on this machine, with the configuration that belongs to it.
type Kept struct {
	Release good.Release `json:"release"`
	Config  Service      `json:"config"`
	Dir     string       `json:"dir,omitempty"` // folder of what was built
}
