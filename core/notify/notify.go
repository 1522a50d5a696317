// Package notify tells people and programs what happened: chats, mail, pagers, webhooks, commands. It must never hold up or fail the work that it tells about.
//
// Send only stores a notice; Run delivers what is stored, for a server, and Flush tries to before a short-lived command ends. A notice is delivered at
// least once: if the process dies between the delivery and the note of it, it is delivered again with the same id. Notices to one channel keep their
// order, so one that fails holds up those behind it, up to a day; channels do not wait for each other.
package notify

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Options configures New.
type Options struct {
	DB      *sql.DB // with the table notices
	Rules   []Rule
	Secrets func(ctx context.Context, name string) (string, error) // finds the values of secrets
	Redact  func(text string) string                               // takes secrets out of what is stored and sent; nil takes out none
	Log     *slog.Logger                                           // nil logs nothing
}

// Notifier stores notices and delivers them. It is safe for use by many goroutines.
type Notifier struct {
	queue   queue
	lanes   []*lane
	secrets func(ctx context.Context, name string) (string, error)
	redact  func(string) string
	log     *slog.Logger
	client  *http.Client

	now    func() time.Time
	chance func() float64
	pace   time.Duration // what a second of waiting takes; tests make it shorter
}

// attemptMost bounds one delivery.
const attemptMost = 30 * time.Second

// New returns the notifier of these channels. It does no I/O.
func New(o Options) (*Notifier, error) {
	if o.Redact == nil {
		o.Redact = func(text string) string { return text }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{
		queue: queue{o.DB}, secrets: o.Secrets, redact: o.Redact, log: o.Log, client: newClient(),
		now: time.Now, chance: rand.Float64, pace: time.Second,
	}
	var problems []error
	for i, rule := range o.Rules {
		rule.Validate(func(at, problem string) { problems = append(problems, fmt.Errorf("notify[%d].%s: %s", i, at, problem)) })
		if _, err := rule.Template.compile(); err != nil {
			problems = append(problems, fmt.Errorf("notify[%d].template: %w", i, err))
		}
		channel, err := rule.To.New()
		if err != nil {
			problems = append(problems, fmt.Errorf("notify[%d]: %w", i, err))
			continue
		}
		l := newLane(rule, channel)
		if n.serves(l.name) { // what waits for a channel is kept under its name
			problems = append(problems, fmt.Errorf("notify[%d]: two channels are called %q; give each a name of its own", i, l.name))
		}
		n.lanes = append(n.lanes, l)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return n, nil
}

// Send stores the event for every channel that wants it. An event whose id was sent before, within the last week, is not told again. It does not wait for
// any delivery; an error means that the event could not be stored.
func (n *Notifier) Send(ctx context.Context, e Event) error {
	if err := e.check(); err != nil {
		return err
	}
	now := n.now()
	if e.At.IsZero() {
		e.At = now
	}
	var wanted []*lane
	var names []string
	for _, l := range n.lanes {
		if l.rule.wants(e) {
			wanted, names = append(wanted, l), append(names, l.name)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	payload, err := n.encode(e)
	if err != nil {
		return err
	}
	if err := n.queue.add(ctx, e, payload, names, now); err != nil {
		return err
	}
	for _, l := range wanted {
		l.poke()
	}
	return nil
}

// Test sends a notice of its own to one channel, at once and past the queue, and returns what went wrong.
func (n *Notifier) Test(ctx context.Context, name string) error {
	var known []string
	for _, l := range n.lanes {
		known = append(known, l.name)
		if l.name != name {
			continue
		}
		at := n.now()
		e := Event{
			ID: fmt.Sprintf("test-%d", at.UnixNano()), Type: "notify.test", Phase: Trigger, Severity: Info, At: at,
			Title: "goodstate: test of the channel " + name, Text: "If you can read this, notices arrive here.",
		}
		if _, problem := n.deliver(ctx, l, e, e.ID+"/"+name); problem != nil {
			return fmt.Errorf("channel %s: %w", name, problem)
		}
		return nil
	}
	message := fmt.Sprintf("channel %q is not in the configuration", name)
	if near := config.Nearest(name, known); near != "" {
		message += fmt.Sprintf(" (did you mean %s?)", near)
	}
	if len(known) > 0 {
		message += "; there is " + strings.Join(known, ", ")
	}
	return errors.New(message)
}

// Status lists what did not arrive, oldest first: what waits, and what was given up within the last week.
func (n *Notifier) Status(ctx context.Context) ([]Undelivered, error) {
	return n.queue.undelivered(ctx)
}

// Channels returns the names of all channels, in the order of the configuration.
func (n *Notifier) Channels() []string {
	var names []string
	for _, l := range n.lanes {
		names = append(names, l.name)
	}
	return names
}

// encode turns the event into what is stored, with secrets taken out of every text in it.
func (n *Notifier) encode(e Event) (string, error) {
	files := slices.Clone(e.Files)
	for i := range files {
		files[i].Data = []byte(n.redact(string(files[i].Data)))
	}
	e.Files = files
	raw, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("notice %s: its data cannot be written as JSON: %w", e.ID, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var tree map[string]any
	if err := decoder.Decode(&tree); err != nil {
		return "", fmt.Errorf("notice %s: %w", e.ID, err)
	}
	for _, key := range []string{"title", "text", "url", "data"} {
		if value, ok := tree[key]; ok {
			tree[key] = n.redactAll(value)
		}
	}
	raw, err = json.Marshal(tree)
	if err != nil {
		return "", fmt.Errorf("notice %s: %w", e.ID, err)
	}
	return string(raw), nil
}

// decode reads what encode wrote; numbers in the data keep all their digits.
func decode(payload string) (Event, error) {
	decoder := json.NewDecoder(strings.NewReader(payload))
	decoder.UseNumber()
	var e Event
	if err := decoder.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("the stored notice cannot be read: %w", err)
	}
	return e, nil
}

func (n *Notifier) redactAll(value any) any {
	switch v := value.(type) {
	case string:
		return n.redact(v)
	case []any:
		for i := range v {
			v[i] = n.redactAll(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = n.redactAll(v[key])
		}
	}
	return value
}
