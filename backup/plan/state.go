package plan

import (
	"fmt"
	"time"
)

// State is how an application's backup stands.
type State string

// The states, the best first.
const (
	Good       State = "good"
	Incomplete State = "incomplete" // the last copy lacks something
	Late       State = "late"       // the youngest complete copy is older than the RPO
	Failing    State = "failing"    // the last try made no copy
	Never      State = "never"      // there is no copy
)

// Facts are what is known of an application's copies.
type Facts struct {
	Copied     time.Time     // the youngest complete copy
	Log        time.Time     // up to when a streamed log goes on from it; zero: there is none
	Tried      time.Time     // the last try
	Lost       string        // why copies that were made do not count any more; empty: they do
	Failed     string        // why the last try made nothing; empty: it made a copy
	Incomplete []string      // what the last copy lacks
	Verified   time.Time     // the last time that a copy was read back whole
	Drilled    time.Time     // the last drill, whatever came of it
	Restored   time.Time     // the last drill that passed
	Took       time.Duration // its recovery time
	RPO, RTO   time.Duration // 0: none is set
}

// Judge says how it stands and why. A copy counts from the moment it shows, not from when it was finished.
func Judge(f Facts, now time.Time) (State, string) {
	age := now.Sub(f.Youngest()).Round(time.Second)
	switch {
	case f.Copied.IsZero() && f.Failed != "":
		return Failing, "there is no copy: " + f.Failed
	case f.Copied.IsZero() && len(f.Incomplete) > 0:
		return Incomplete, fmt.Sprintf("the only copy lacks %d things: %s", len(f.Incomplete), f.Incomplete[0])
	case f.Copied.IsZero() && f.Lost != "":
		return Failing, f.Lost
	case f.Copied.IsZero():
		return Never, "it was never copied"
	case f.RPO > 0 && age > f.RPO:
		return Late, fmt.Sprintf("%s is %s old, want at most %s", f.what(), age, f.RPO)
	case f.Failed != "":
		return Failing, "the last try made no copy: " + f.Failed
	case len(f.Incomplete) > 0:
		return Incomplete, fmt.Sprintf("the last copy lacks %d things: %s", len(f.Incomplete), f.Incomplete[0])
	}
	if !f.Log.IsZero() {
		return Good, fmt.Sprintf("copied %s ago, and its log %s ago", now.Sub(f.Copied).Round(time.Second), max(0, age))
	}
	return Good, fmt.Sprintf("copied %s ago", age)
}

// Youngest is the moment that can be gone back to at most: that of the youngest complete copy, or of the log that goes on from it.
func (f Facts) Youngest() time.Time {
	if !f.Copied.IsZero() && f.Log.After(f.Copied) {
		return f.Log
	}
	return f.Copied
}

func (f Facts) what() string {
	if f.Youngest().Equal(f.Copied) {
		return "the youngest complete copy"
	}
	return "the streamed log"
}

// Level is how far a restore point is proven, from 0 to 4.
type Level int

// The levels.
const (
	Written  Level = iota // it was written
	Listed                // everything it needs is there
	ReadBack              // every byte was read back
	Equal                 // it was restored with equal digests
	Proven                // and the application's checks passed, within the RTO
)

var levels = []string{"written", "listed", "read back", "restored", "proven"}

func (l Level) String() string { return levels[l] }

// Due says when the next copy is due: the interval is half of the RPO, so that one failed try does not break it, and at least a minute.
func Due(last time.Time, rpo time.Duration) time.Time {
	if rpo <= 0 {
		return time.Time{}
	}
	return last.Add(max(time.Minute, rpo/2))
}
