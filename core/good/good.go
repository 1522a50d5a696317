// Package good holds the words that all of goodstate shares: verdict, finding, release and known-good point.
// It imports nothing of goodstate and does no I/O.
package good

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Verdict is what a check concludes. The zero value is Unknown, and Unknown is never Pass: no data, no traffic,
// an unreachable target or an interrupted test pauses and asks; it neither goes on nor goes back.
type Verdict int

// The three verdicts.
const (
	Unknown Verdict = iota
	Pass
	Fail
)

var verdictNames = [...]string{Unknown: "unknown", Pass: "pass", Fail: "fail"}

// String returns "unknown", "pass" or "fail".
func (v Verdict) String() string {
	if v < Unknown || v > Fail {
		return fmt.Sprintf("verdict(%d)", int(v))
	}
	return verdictNames[v]
}

// MarshalJSON writes the verdict by name, so that journals stay readable.
func (v Verdict) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

// UnmarshalJSON reads the name of a verdict; a name it does not know is an error, never Pass.
func (v *Verdict) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return fmt.Errorf("verdict: %w", err)
	}
	for i, known := range verdictNames {
		if known == name {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("verdict %q is not one of %s", name, strings.Join(verdictNames[:], ", "))
}

// Finding is one observation: which check looked, what it saw, what was wanted, and the verdict.
type Finding struct {
	Check    string        `json:"check"`
	Verdict  Verdict       `json:"verdict"`
	Observed string        `json:"observed,omitempty"` // what was seen, in words: "/healthz answered 503"
	Wanted   string        `json:"wanted,omitempty"`   // what was wanted: "status 200 within 300ms"
	Release  string        `json:"release,omitempty"`  // version that was looked at, when the check is about one release
	Detail   string        `json:"detail,omitempty"`   // evidence of several lines: failed tests, last log lines
	Hint     string        `json:"hint,omitempty"`     // what the reader can do
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took_ns,omitempty"`
}

// String says the finding in one line: "health: fail: /healthz answered 503, want 200".
func (f Finding) String() string {
	s := f.Check + ": " + f.Verdict.String()
	if f.Observed != "" {
		s += ": " + f.Observed
	}
	if f.Wanted != "" && f.Verdict != Pass {
		s += ", want " + f.Wanted
	}
	return s
}

// Overall is the verdict of all findings together: Fail if one failed, else Unknown if one is unknown or if nothing was
// looked at, else Pass.
func Overall(findings []Finding) Verdict {
	if len(findings) == 0 {
		return Unknown
	}
	all := Pass
	for _, f := range findings {
		switch f.Verdict {
		case Fail:
			return Fail
		case Pass:
		default:
			all = Unknown
		}
	}
	return all
}

// Release is one version of a service: what was asked for, the commit that it is, and digests of what was built from it.
type Release struct {
	Service  string    `json:"service"`
	Version  string    `json:"version"`            // the name a person used: a tag, a branch or a short commit
	Commit   string    `json:"commit,omitempty"`   // full commit id
	Subject  string    `json:"subject,omitempty"`  // first line of the commit's message
	Artifact string    `json:"artifact,omitempty"` // SHA-256 of the built tree, hex
	Config   string    `json:"config,omitempty"`   // SHA-256 of the configuration revision, hex
	Schema   string    `json:"schema,omitempty"`   // schema version, when the service has a database
	Built    time.Time `json:"built,omitzero"`
}

// ID names the release among all of its service, stable across runs: version, commit and configuration revision.
// Two releases of the same commit with different configuration are two releases.
func (r Release) ID() string {
	id := r.Version
	if r.Commit != "" && !strings.HasPrefix(r.Commit, r.Version) {
		id += "-" + short(r.Commit)
	}
	if r.Config != "" {
		id += "-" + short(r.Config)[:min(6, len(r.Config))]
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
			return c
		}
		return '_'
	}, id)
}

func short(hex string) string { return hex[:min(10, len(hex))] }

// Point is a known-good point: what passed validation together, and so what a rollback returns to.
type Point struct {
	ID           string    `json:"id"`
	Service      string    `json:"service"`
	Release      Release   `json:"release"`
	RestorePoint string    `json:"restore_point,omitempty"` // copy of the data that belongs to it, when there is one
	Run          string    `json:"run"`                     // the rollout that proved it
	At           time.Time `json:"at"`
	Evidence     []Finding `json:"evidence,omitempty"`
}
