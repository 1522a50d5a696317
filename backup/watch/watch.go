// Package watch notices what looks like an attack on the copies, or a mistake with them: deletions that no policy asked for, keys that nobody knows, schedules that
// were switched off, copies that suddenly shrink, change as a whole or cannot be compressed any more. It decides over values only: it reads no clock, touches nothing,
// and each alert carries what it was concluded from.
package watch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/plan"
)

// Severity is how much an alert matters. Grave ones freeze the deletion of copies until a person lets it go.
type Severity string

// The severities, with the words that notices use.
const (
	Warning Severity = "warning"
	Grave   Severity = "critical"
)

// Alert is one thing that was noticed.
type Alert struct {
	Key         string // the same thing noticed again has the same key
	Kind        string // deleted, foreign, key, schedule, retention, clock, shrunk, grown, changed, encrypted
	Application string
	Severity    Severity
	Text        string
	Evidence    any
}

// Policy is what is promised for an application.
type Policy struct {
	RPO   time.Duration `json:"rpo,omitempty"`
	Copy  string        `json:"copy"`
	Drill string        `json:"drill"`
	Keep  plan.Keep     `json:"keep"`
	// Longest are the longest times between two copies and two drills; 0: there are none.
	LongestCopy  time.Duration `json:"longest_copy"`
	LongestDrill time.Duration `json:"longest_drill"`
}

// Look is what was seen of a repository at a moment.
type Look struct {
	At       time.Time         `json:"at"`
	Since    time.Duration     `json:"since"` // of the process, by a clock that nobody can set
	Process  string            `json:"process"`
	Points   map[string]Seen   `json:"points"` // by ID
	Keys     map[string]string `json:"keys"`   // by ID: who made them
	Verify   string            `json:"verify"`
	Policies map[string]Policy `json:"policies"` // of the applications that are copied here
	Host     string            `json:"host"`     // of this goodstate
}

// Seen is a restore point in the repository.
type Seen struct {
	Application string    `json:"application"`
	At          time.Time `json:"at"`
	Host        string    `json:"host"`
}

// Known is what goodstate itself did: points that it made, those that it let go, and keys that it made.
type Known struct{ Made, Gone, Keys map[string]bool }

// Compare says what is odd about a repository after what was seen before.
func Compare(before, now Look, known Known) []Alert {
	var all []Alert
	all = append(all, deleted(before, now, known)...)
	all = append(all, foreign(before, now, known)...)
	all = append(all, keys(before, now, known)...)
	all = append(all, promises(before, now)...)
	return append(all, clocks(before, now)...)
}

func deleted(before, now Look, known Known) []Alert {
	byApplication := map[string][]string{}
	for id, p := range before.Points {
		if _, there := now.Points[id]; !there && !known.Gone[id] {
			byApplication[p.Application] = append(byApplication[p.Application], id)
		}
	}
	var all []Alert
	for name, ids := range byApplication {
		slices.Sort(ids)
		all = append(all, Alert{
			Key: "deleted/" + name + "/" + ids[0] + fmt.Sprint(len(ids)), Kind: "deleted", Application: name, Severity: Grave,
			Text:     gone(len(ids), name),
			Evidence: map[string]any{"points": ids, "seen": before.At},
		})
	}
	return sorted(all)
}

func gone(n int, name string) string {
	if n == 1 {
		return "a restore point of " + name + " is gone, and goodstate did not let it go"
	}
	return fmt.Sprintf("%d restore points of %s are gone, and goodstate did not let them go", n, name)
}

// Lost is the alert of a repository that was there and is not any more.
func Lost(name string, before Look, now time.Time) Alert {
	return Alert{
		Key: "lost/" + before.At.UTC().Format(time.RFC3339), Kind: "lost", Severity: Grave,
		Text:     fmt.Sprintf("repository %s with its %d restore points is not there any more: it was deleted, moved, or its disk is not mounted", name, len(before.Points)),
		Evidence: map[string]any{"seen": before.At, "now": now, "points": len(before.Points)},
	}
}

// foreign finds restore points that carry an application's mark and were made on another host: on its own one, goodstate may have died before it took note of one.
func foreign(before, now Look, known Known) []Alert {
	var all []Alert
	for id, p := range now.Points {
		if _, old := before.Points[id]; old || known.Made[id] || p.Application == "" || p.Host == now.Host {
			continue
		}
		all = append(all, Alert{
			Key: "foreign/" + id, Kind: "foreign", Application: p.Application, Severity: Warning,
			Text:     fmt.Sprintf("restore point %.8s of %s was made by somebody else, on host %q: restoring the youngest would bring back what they put there", id, p.Application, p.Host),
			Evidence: map[string]any{"point": id, "host": p.Host, "of": p.At},
		})
	}
	return sorted(all)
}

func keys(before, now Look, known Known) []Alert {
	var all []Alert
	for id, who := range now.Keys {
		if _, old := before.Keys[id]; old {
			continue
		}
		if known.Keys[id] {
			continue
		}
		all = append(all, Alert{
			Key: "key/" + id, Kind: "key", Severity: Grave,
			Text:     fmt.Sprintf("a key that goodstate did not make opens the repository: %.8s, made by %s", id, who),
			Evidence: map[string]any{"key": id, "made_by": who},
		})
	}
	for id, who := range before.Keys {
		if _, there := now.Keys[id]; !there {
			all = append(all, Alert{
				Key: "key-gone/" + id, Kind: "key", Severity: Warning,
				Text: fmt.Sprintf("a key of the repository is gone: %.8s, made by %s", id, who), Evidence: map[string]any{"key": id, "made_by": who},
			})
		}
	}
	return sorted(all)
}

// promises finds what is promised less than before.
func promises(before, now Look) []Alert {
	var all []Alert
	day := now.At.UTC().Format("2006-01-02")
	say := func(kind, name, text string, was, is any) {
		all = append(all, Alert{Key: kind + "/" + name + "/" + day + "/" + text, Kind: kind, Application: name, Severity: Warning, Text: text, Evidence: map[string]any{"was": was, "is": is}})
	}
	for name, was := range before.Policies {
		is, there := now.Policies[name]
		if !there {
			say("schedule", name, name+" is not copied to this repository any more", was, nil)
			continue
		}
		if was.LongestCopy > 0 && (is.LongestCopy == 0 || is.LongestCopy > was.LongestCopy) {
			say("schedule", name, fmt.Sprintf("%s is copied less often: %s, was %s", name, is.Copy, was.Copy), was.Copy, is.Copy)
		}
		if was.LongestDrill > 0 && (is.LongestDrill == 0 || is.LongestDrill > was.LongestDrill) {
			say("schedule", name, fmt.Sprintf("%s is drilled less often: %s, was %s", name, is.Drill, was.Drill), was.Drill, is.Drill)
		}
		if less := plan.Shorter(was.Keep, is.Keep); len(less) > 0 {
			say("retention", name, fmt.Sprintf("fewer restore points of %s are kept: %s", name, strings.Join(less, "; ")), was.Keep, is.Keep)
		}
	}
	if before.Verify != now.Verify && now.Verify == "never" {
		say("schedule", "", "the repository is not verified by itself any more", before.Verify, now.Verify)
	}
	return sorted(all)
}

// What clocks may be off by.
const (
	clockBack    = 5 * time.Minute
	clockForward = time.Hour
)

// clocks finds a clock that was set: restore points go by age, so who sets the clock decides which ones go.
func clocks(before, now Look) []Alert {
	var all []Alert
	wall := now.At.Sub(before.At)
	switch gone := now.Since - before.Since; {
	case wall < -clockBack:
		all = append(all, Alert{
			Key: "clock/" + before.At.UTC().Format(time.RFC3339), Kind: "clock", Severity: Grave,
			Text:     fmt.Sprintf("the clock was set back by %s: ages of copies cannot be trusted", (-wall).Round(time.Second)),
			Evidence: map[string]any{"before": before.At, "now": now.At},
		})
	case before.Process != "" && before.Process == now.Process && wall-gone > clockForward:
		all = append(all, Alert{
			Key: "clock/" + before.At.UTC().Format(time.RFC3339), Kind: "clock", Severity: Grave,
			Text:     fmt.Sprintf("the clock was set forward by %s: restore points would go before their time", (wall - gone).Round(time.Second)),
			Evidence: map[string]any{"before": before.At, "now": now.At, "really_gone": gone.String()},
		})
	}
	var future []string
	for id, p := range now.Points {
		if _, old := before.Points[id]; !old && p.At.Sub(now.At) > clockBack {
			future = append(future, id)
		}
	}
	if slices.Sort(future); len(future) > 0 {
		all = append(all, Alert{
			Key: "future/" + future[0], Kind: "clock", Severity: Warning,
			Text: fmt.Sprintf("%d restore points are of the future; they would be taken for the youngest", len(future)), Evidence: map[string]any{"points": future, "now": now.At},
		})
	}
	return all
}

func sorted(all []Alert) []Alert {
	slices.SortFunc(all, func(a, b Alert) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// EvidenceJSON is the evidence for the record.
func (a Alert) EvidenceJSON() json.RawMessage {
	text, err := json.Marshal(a.Evidence)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}
