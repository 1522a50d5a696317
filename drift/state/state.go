// Package state decides what an observation of a host says about it: good, drifted, waiting for a change, flapping, or not known. It is pure: no clock,
// no database and no network. What was not looked at is never good.
package state

import "time"

// State is how one resource of a host is: one task of a playbook for one item.
type State string

// The states. The zero value is Unknown.
const (
	Unknown     State = ""            // nobody could look: the host was away, or the task failed
	Good        State = "good"        // as the playbook says
	Drifted     State = "drifted"     // was as the same text of the playbook says, and no longer is
	Pending     State = "pending"     // the playbook says something that was never seen done on this host
	Flapping    State = "flapping"    // differs after every correction: the task is not idempotent, or something undoes it at once
	Uncheckable State = "uncheckable" // the module cannot say without acting
)

// Word is the state for people.
func (s State) Word() string {
	if s == Unknown {
		return "unknown"
	}
	return string(s)
}

// Outcome is what a run saw of a resource.
type Outcome string

// The outcomes. The zero value says that nothing was seen.
const (
	Nothing      Outcome = ""
	Equal        Outcome = "equal"
	Differs      Outcome = "differs"   // check mode would change it
	Corrected    Outcome = "corrected" // a run has changed it
	NotCheckable Outcome = "uncheckable"
)

// Observation is one look at a resource.
type Observation struct {
	Outcome     Outcome
	At          time.Time
	Fingerprint string // of what is desired; empty: not known
	Cause       string // of the difference
	Reason      string // why nothing was seen
	Again       bool   // it was corrected a moment ago, and this look is whether that holds
}

// Resource is what is known of a resource.
type Resource struct {
	State           State
	Reason          string
	Cause           string
	Fingerprint     string
	GoodFingerprint string    // what it was when it was last seen good
	GoodAt          time.Time // last seen good; zero: never
	DiffersAt       time.Time // first seen different since then; zero: it is not
	CorrectedAt     time.Time
	SeenAt          time.Time
	Unheld          int // corrections in a row after which the very next look differed
	Relapses        int // times it has drifted after it was good
	Restless        int // looks in a row at which it differed and something else was wanted than at the look before
}

// flapsAfter is how many corrections must fail to hold: one may be a coincidence with somebody's edit.
const flapsAfter = 2

// restlessAfter is from how many looks on it is said that a task wants something else each time.
const restlessAfter = 3

// Next is what is known after one more look. Looks follow one another as they come, whatever the clock says: when it has jumped back, what is known is dated back too,
// so that nothing that was seen is later than now, and no difference is overlooked until the clock is where it was.
func Next(r Resource, o Observation) Resource {
	if o.At.Before(r.SeenAt) {
		r = r.datedBack(o.At)
	}
	r.Reason = ""
	switch o.Outcome {
	case Equal:
		r.SeenAt, r.GoodAt, r.DiffersAt = o.At, o.At, time.Time{}
		r.State, r.Cause, r.Unheld, r.Restless = Good, "", 0, 0
		r.Fingerprint, r.GoodFingerprint = o.Fingerprint, o.Fingerprint
	case Corrected:
		// The module says that it is so now; whether that holds, the next look says. Unheld counts on.
		r.SeenAt, r.GoodAt, r.CorrectedAt, r.DiffersAt = o.At, o.At, o.At, time.Time{}
		if r.State != Good && r.State != Drifted && r.State != Flapping || r.GoodFingerprint != o.Fingerprint {
			r.Unheld = 0
		}
		r.State, r.Cause, r.Restless = Good, "", 0
		r.Fingerprint, r.GoodFingerprint = o.Fingerprint, o.Fingerprint
	case Differs:
		r = different(r, o)
	case NotCheckable:
		r.SeenAt, r.State, r.Cause, r.Fingerprint, r.DiffersAt, r.Reason = o.At, Uncheckable, "", o.Fingerprint, time.Time{}, o.Reason
	default:
		// What was known stays as evidence (last good, first different); the state does not.
		r.State, r.Cause, r.Reason = Unknown, "", o.Reason
	}
	return r
}

// datedBack keeps the order of what is known, and nothing of it after now.
func (r Resource) datedBack(now time.Time) Resource {
	held := !r.CorrectedAt.IsZero() && r.CorrectedAt.Before(r.GoodAt) // a look after the correction had found it good
	for _, t := range []*time.Time{&r.SeenAt, &r.GoodAt, &r.DiffersAt, &r.CorrectedAt} {
		if t.After(now) {
			*t = now
		}
	}
	if held && !r.CorrectedAt.Before(r.GoodAt) {
		r.CorrectedAt = r.GoodAt.Add(-time.Millisecond)
	}
	return r
}

func different(r Resource, o Observation) Resource {
	same := !r.GoodAt.IsZero() && r.GoodFingerprint == o.Fingerprint && o.Fingerprint != ""
	fresh := r.DiffersAt.IsZero()
	unheld := fresh && !r.CorrectedAt.IsZero() && r.GoodAt.Equal(r.CorrectedAt) // no look between the correction and this one found it good
	if fresh || r.Fingerprint == o.Fingerprint {
		r.Restless = 0
	} else {
		r.Restless++
	}
	if fresh || r.Fingerprint != o.Fingerprint {
		r.DiffersAt = o.At
	}
	r.SeenAt, r.Cause, r.Fingerprint = o.At, o.Cause, o.Fingerprint
	switch {
	case o.Again && unheld:
		r.State, r.Unheld = Flapping, max(r.Unheld+1, flapsAfter)
		r.Relapses++
		r.Reason = "it differed again right after it was corrected: the task is not idempotent, or something undoes it at once"
		return r
	case !same:
		r.State, r.Unheld = Pending, 0
		if r.Restless+1 >= restlessAfter {
			r.Reason = "the task wanted something else at each of the last looks: is there a time or a random value in it?"
		}
		return r
	}
	if fresh {
		r.Relapses++
		if unheld {
			r.Unheld++
		}
	}
	r.State = Drifted
	if r.Unheld >= flapsAfter {
		r.State = Flapping
		r.Reason = "corrections did not hold until the next look: the task is not idempotent, or something undoes it"
	}
	return r
}

// Counts are the resources of a host or a fleet by state.
type Counts struct {
	Good        int `json:"good"`
	Drifted     int `json:"drifted"`
	Pending     int `json:"pending"`
	Flapping    int `json:"flapping"`
	Uncheckable int `json:"uncheckable"`
	Unknown     int `json:"unknown"`
}

// Add counts one more.
func (c *Counts) Add(s State) {
	switch s {
	case Good:
		c.Good++
	case Drifted:
		c.Drifted++
	case Pending:
		c.Pending++
	case Flapping:
		c.Flapping++
	case Uncheckable:
		c.Uncheckable++
	default:
		c.Unknown++
	}
}

// Plus adds others.
func (c *Counts) Plus(o Counts) {
	c.Good += o.Good
	c.Drifted += o.Drifted
	c.Pending += o.Pending
	c.Flapping += o.Flapping
	c.Uncheckable += o.Uncheckable
	c.Unknown += o.Unknown
}

// All is how many there are.
func (c Counts) All() int { return c.Differing() + c.Good + c.Uncheckable + c.Unknown }

// Differing is how many are not as the playbook says.
func (c Counts) Differing() int { return c.Drifted + c.Pending + c.Flapping }

// Coverage is the share of resources that could be looked at, in percent. Of nothing, nothing was looked at. 100 means all, never almost all.
func (c Counts) Coverage() int {
	if c.All() == 0 {
		return 0
	}
	return (c.Good + c.Differing()) * 100 / c.All()
}

// Verdict is the state of the whole: the worst that is known; Good only where everything that there is was looked at or cannot be, and something was.
func (c Counts) Verdict() State {
	switch {
	case c.Flapping > 0:
		return Flapping
	case c.Drifted > 0:
		return Drifted
	case c.Pending > 0:
		return Pending
	case c.Unknown > 0:
		return Unknown
	case c.Good > 0:
		return Good
	case c.Uncheckable > 0:
		return Uncheckable
	}
	return Unknown
}
