// Package notify tells people: events are put into a queue on the disk, and delivered from there until they arrive or are too
// old. Telling never makes a run wait.
package notify

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Severity says how urgent an event is.
type Severity int

// The severities.
const (
	Info Severity = iota
	Warning
	Critical
)

var severities = []string{"info", "warning", "critical"}

// String is "info", "warning" or "critical".
func (s Severity) String() string { return severities[min(max(int(s), 0), len(severities)-1)] }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severities, string(text))
	if i < 0 {
		return fmt.Errorf("severity %q, want one of %s", text, strings.Join(severities, ", "))
	}
	*s = Severity(i)
	return nil
}

// Event is something that people may want to know.
type Event struct {
	ID       string    `json:"id"`   // the same id is told once to each channel
	Type     string    `json:"type"` // rollout.rolled_back
	Severity Severity  `json:"severity"`
	Service  string    `json:"service,omitempty"`
	Run      string    `json:"run,omitempty"`
	Release  string    `json:"release,omitempty"`
	Title    string    `json:"title"`
	Text     string    `json:"text,omitempty"`
	URL      string    `json:"url,omitempty"`
	At       time.Time `json:"at"`
	Data     any       `json:"data,omitempty"`
}

// Channel delivers to one place. Secret values come from get.
type Channel interface {
	Deliver(ctx context.Context, e Event, get func(ctx context.Context, name string) (string, error)) error
}

// Rule says who is told what.
type Rule struct {
	Name     string                 `yaml:"name" json:"name" help:"name of the rule, for status and tests"`
	To       config.Choice[Channel] `yaml:"to" json:"to" required:"true" help:"where notices go"`
	On       []string               `yaml:"on" json:"on,omitempty" help:"types of events, such as triggered, rolled_back, promoted, could_not, started; default all"`
	Services []string               `yaml:"services" json:"services,omitempty" help:"only these services; default all"`
	Least    string                 `yaml:"severity" json:"severity,omitempty" default:"info" enum:"info,warning,critical" help:"only events at least so urgent"`
}

func (r Rule) wants(e Event) bool {
	_, kind, _ := strings.Cut(e.Type, ".")
	return e.Severity >= Severity(slices.Index(severities, r.Least)) &&
		(len(r.Services) == 0 || slices.Contains(r.Services, e.Service)) &&
		(len(r.On) == 0 || slices.Contains(r.On, kind) || slices.Contains(r.On, e.Type))
}

// Options are what a Notifier stands on.
type Options struct {
	DB      *sql.DB
	Rules   []Rule
	Secrets func(ctx context.Context, name string) (string, error)
	Redact  func(string) string
	Log     *slog.Logger
}

// Notifier queues and delivers.
type Notifier struct {
	Options
	channels map[string]Channel
	wake     chan struct{}
}

// New builds the channels of the rules.
func New(o Options) (*Notifier, error) {
	n := &Notifier{Options: o, channels: map[string]Channel{}, wake: make(chan struct{}, 1)}
	for i, r := range o.Rules {
		c, err := r.To.New()
		if err != nil {
			return nil, fmt.Errorf("notify[%d]: %w", i, err)
		}
		n.channels[n.name(i)] = c
	}
	return n, nil
}

func (n *Notifier) name(i int) string {
	if n.Rules[i].Name != "" {
		return n.Rules[i].Name
	}
	return fmt.Sprintf("%s-%d", n.Rules[i].To.Name(), i+1)
}

// Send queues the event for every rule that wants it. The same event again is queued once.
func (n *Notifier) Send(ctx context.Context, e Event) error {
	for i, r := range n.Rules {
		if !r.wants(e) {
			continue
		}
		text, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("notice %s: %w", e.ID, err)
		}
		now := time.Now().UnixMilli()
		if _, err := n.DB.ExecContext(ctx, `INSERT INTO notices (id, run, channel, payload, state, attempts, next_at, error, created_at)
			VALUES (?, ?, ?, ?, 'waiting', 0, ?, '', ?) ON CONFLICT (id) DO NOTHING`, e.ID+" to "+n.name(i), e.Run, n.name(i), string(text), now, now); err != nil {
			return fmt.Errorf("queue notice %s: %w", e.ID, err)
		}
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
	return nil
}

// waiting is one notice that is due.
type waiting struct {
	id, channel, payload string
	attempts             int
	created              int64
}

const (
	tooOld   = 24 * time.Hour
	patience = 10 * time.Second // of one delivery
	longest  = 10 * time.Minute // between two tries
)

// Run delivers until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := n.Flush(ctx); err != nil && ctx.Err() == nil {
			n.Log.WarnContext(ctx, "notices not delivered", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-n.wake:
		}
	}
}

// Flush tries to deliver what is due, each notice once.
func (n *Notifier) Flush(ctx context.Context) error {
	due, err := n.due(ctx)
	if err != nil {
		return err
	}
	for _, w := range due {
		if err := n.try(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) due(ctx context.Context) (out []waiting, err error) {
	rows, err := n.DB.QueryContext(ctx, `SELECT id, channel, payload, attempts, created_at FROM notices WHERE state = 'waiting' AND next_at <= ? ORDER BY created_at LIMIT 100`, time.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read the queue of notices: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var w waiting
		if err := rows.Scan(&w.id, &w.channel, &w.payload, &w.attempts, &w.created); err != nil {
			return nil, fmt.Errorf("read the queue of notices: %w", err)
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

func (n *Notifier) try(ctx context.Context, w waiting) error {
	var e Event
	failure := json.Unmarshal([]byte(w.payload), &e)
	if channel, ok := n.channels[w.channel]; !ok {
		failure = errors.New("the configuration has no such rule any more")
	} else if failure == nil {
		limited, stop := context.WithTimeout(ctx, patience)
		failure = channel.Deliver(limited, e, n.Secrets)
		stop()
	}
	state, said, next := "delivered", "", time.Now()
	if failure != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		state, said = "waiting", n.Redact(failure.Error())
		next = next.Add(min(time.Second<<min(w.attempts, 20), longest))
		if time.Since(time.UnixMilli(w.created)) > tooOld {
			state = "dead"
		}
	}
	if _, err := n.DB.ExecContext(ctx, "UPDATE notices SET state = ?, attempts = attempts + 1, next_at = ?, error = ? WHERE id = ?", state, next.UnixMilli(), said, w.id); err != nil {
		return fmt.Errorf("record the delivery of %s: %w", w.id, err)
	}
	return nil
}
