// Package analysis writes the page that explains a rollback, from what was recorded: what happened when, what was
// different, what was seen first, what users met, and which log lines are new. It states evidence and never guesses a cause.
// It does no I/O: the rollout hands it the facts.
package analysis

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Facts are what an analysis is written from.
type Facts struct {
	Run, Service, Strategy string
	Who, Why               string // who started the rollout, and why
	Started                time.Time
	New, Old               good.Release
	Trigger                Trigger
	Shifted                time.Time // when the new release first got traffic; zero: never
	Back                   time.Time // when the last of its traffic was taken away
	Verdict                good.Verdict
	Findings               []good.Finding // seen after the way back
	Events                 []Event        // the run's journal, oldest first
	Seconds                []traffic.Second
	NewLogs, OldLogs       []string
	Commits                []Commit
	Files                  []File
	Config                 []Change
	Schema                 []string     // what the rollout changed in the database, in words
	Hosts                  []string     // where instances of the releases ran
	Users                  []UserReport // what users reported meanwhile
	Others                 []Other      // other runs in the hour before
	Gaps                   []string     // what could not be read
	Failing                []traffic.Failing
	Failed                 []good.Finding // what failed in the rollout, oldest first
	Evidence               []Evidence     // what others saw of the releases
}

// Other is another run at the time.
type Other struct {
	Run     string    `json:"run"`
	Kind    string    `json:"kind"`
	Target  string    `json:"target"`
	Who     string    `json:"who"`
	State   string    `json:"state"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
}

// String says it in one line.
func (o Other) String() string {
	s := fmt.Sprintf("%s of %s by %s, from %s", o.Kind, o.Target, o.Who, o.Started.Local().Format(clock))
	if o.Ended.IsZero() {
		return s + ", " + o.State
	}
	return s + " to " + o.Ended.Local().Format(clock) + ", " + o.State
}

// Trigger is what started the way back.
type Trigger struct {
	At       time.Time      `json:"at"`
	By       string         `json:"by"`
	Stage    string         `json:"stage"`
	Why      string         `json:"why"`
	Weight   int            `json:"weight"`
	Findings []good.Finding `json:"findings,omitempty"`
}

// Event is one line of the time line.
type Event struct {
	At   time.Time `json:"at"`
	Name string    `json:"event"`
	Text string    `json:"text"`
	By   string    `json:"by,omitempty"`
}

// Commit is one commit that is in the new release and not in the old one.
type Commit struct {
	ID      string    `json:"id"`
	Author  string    `json:"author"`
	When    time.Time `json:"when"`
	Subject string    `json:"subject"`
	Files   []string  `json:"files,omitempty"` // what it touches, at most some
}

// File is one file that differs between the releases.
type File struct {
	Path    string `json:"path"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
}

// Change is one value of the configuration that differs between the releases.
type Change struct {
	Path string `json:"path"`
	Old  string `json:"old"`
	New  string `json:"new"`
}
