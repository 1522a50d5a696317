package strategy

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
)

// Do is what to do now. The zero value waits.
type Do int

// What can be done.
const (
	Wait     Do = iota // go on observing
	Advance            // enter the next stage
	Promote            // the last stage, or the watch after it, is passed
	Rollback           // go back
	Pause              // go no further until a person says so
)

var doNames = [...]string{Wait: "wait", Advance: "advance", Promote: "promote", Rollback: "roll back", Pause: "pause"}

func (d Do) String() string {
	if d < Wait || d > Pause {
		return fmt.Sprintf("do(%d)", int(d))
	}
	return doNames[d]
}

// MarshalJSON writes the decision by name.
func (d Do) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads the name of a decision.
func (d *Do) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return fmt.Errorf("decision: %w", err)
	}
	for i, known := range doNames {
		if known == name {
			*d = Do(i)
			return nil
		}
	}
	return fmt.Errorf("decision %q is not one of %s", name, strings.Join(doNames[:], ", "))
}

// What a person can ask for.
const (
	AskPromote  = "promote"  // go on to the next stage now, or end the watch
	AskRollback = "rollback" // go back now; "abort" is the same
	AskPause    = "pause"
	AskResume   = "resume"
	AskApprove  = "approve" // agree to what a gate waits for
)

// What to do when nothing is known at the end of a stage.
const (
	UnknownPause    = "pause" // the default: ask a person
	UnknownWait     = "wait"
	UnknownRollback = "rollback"
)

// Status is where a rollout is.
type Status struct {
	Stage, Stages int           // index of the stage, and how many there are
	Weight        int           // share of traffic on the new release, of traffic.Full
	Elapsed, Hold time.Duration // how long the stage has been judged, without pauses, and how long it has to be
	Paused        bool
	Asked         string // what a person asked for since the last time, one of the Ask words, or ""
	Why           string // the person's reason
	OnUnknown     string
	Observe       bool // say what would be done and do nothing but what a person asks for
	Watch         bool // after promotion
	Gate          bool // what comes next needs a person's agreement; Hold is how long it is waited for
}

// Action is what to do now, and why.
type Action struct {
	Do  Do     `json:"do"`
	Why string `json:"why"`
}

// Next says what to do now. It is called after every observation and after every restart. Findings are what is known at
// this moment: one Fail goes back at once, for a check's own retries and the judge's own evidence are the patience.
// Going back needs no permission, so it also happens while paused; going on needs a Pass over the whole hold.
func Next(s Status, findings []good.Finding) Action {
	if a, ok := asked(s); ok {
		return a
	}
	a := decide(s, findings)
	if s.Observe && a.Do != Wait {
		return Action{Wait, fmt.Sprintf("only observing, would %s: %s", a.Do, a.Why)}
	}
	return a
}

// asked answers a person. They know more than we do, so even a Fail does not stop them; resuming is left to decide.
func asked(s Status) (Action, bool) {
	reason := ""
	if s.Why != "" {
		reason = ": " + s.Why
	}
	switch s.Asked {
	case AskRollback, "abort":
		return Action{Rollback, "a person asked to go back" + reason}, true
	case AskApprove:
		if s.Gate {
			return Action{forward(s), "approved" + reason}, true
		}
	case AskPromote:
		if s.Gate {
			return Action{Wait, "going on needs an approval"}, true
		}
		return Action{forward(s), "a person asked to go on" + reason}, true
	case AskPause:
		return Action{Pause, "a person asked to pause" + reason}, true
	}
	return Action{}, false
}

func decide(s Status, findings []good.Finding) Action {
	verdict := good.Overall(findings)
	paused := s.Paused && s.Asked != AskResume
	switch {
	case verdict == good.Fail:
		return Action{Rollback, because(findings, good.Fail)}
	case paused:
		return Action{Wait, "paused"}
	case s.Gate && s.Elapsed >= s.Hold:
		return Action{Rollback, "nobody approved it in time"}
	case s.Gate:
		return Action{Wait, "waits for approval"}
	case s.Asked == AskResume:
		return Action{Wait, "resumed by a person"}
	case s.Elapsed < s.Hold:
		return Action{Wait, fmt.Sprintf("judging for %s of %s", s.Elapsed.Round(time.Second), s.Hold)}
	case verdict == good.Pass:
		return Action{forward(s), fmt.Sprintf("%d of %d findings pass after %s", len(findings), len(findings), s.Hold)}
	}
	why := "nothing was looked at"
	if len(findings) > 0 {
		why = because(findings, good.Unknown)
	}
	switch s.OnUnknown {
	case UnknownWait:
		return Action{Wait, "not known yet: " + why}
	case UnknownRollback:
		return Action{Rollback, "not known in time: " + why}
	}
	return Action{Pause, why}
}

func forward(s Status) Do {
	if s.Watch || s.Stage >= s.Stages-1 {
		return Promote
	}
	return Advance
}

// because says the first finding with the verdict, and how many more there are. A verdict that is none of the three is unknown.
func because(findings []good.Finding, v good.Verdict) string {
	why, more := "", 0
	for _, f := range findings {
		is := f.Verdict
		if is != good.Pass && is != good.Fail {
			is = good.Unknown
		}
		switch {
		case is != v:
		case why == "":
			why = f.String()
		default:
			more++
		}
	}
	if more > 0 {
		why += fmt.Sprintf(" (and %d more)", more)
	}
	return why
}
