// Package audit hands the journal, and other logs like it, on to where they are kept: OTLP, syslog, files, Elasticsearch. A log itself is the spool: each sink has a
// cursor in it that moves only when the other side has taken what is before it, so that everything arrives at least once and in order. It reads beside the
// work and never holds it up.
package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
)

// Sink is where entries go. A member of the family is one file.
type Sink interface {
	// Send hands records of one log over, at least one and in order, and returns nil once the other side has taken all of them. It may be called again with the same, from one
	// goroutine. An error is tried again; it holds no secrets.
	Send(ctx context.Context, s Secrets, records []Record) error
	// Close ends connections. Send may be called again after it.
	Close() error
}

// Secrets finds the values of secrets.
type Secrets func(ctx context.Context, name string) (string, error)

// reveal is the text of a value, a secret or not.
func (s Secrets) reveal(ctx context.Context, v config.Value) (string, error) {
	secret, ok := v.Secret()
	if !ok {
		text, _ := v.Plain()
		return text, nil
	}
	if s == nil {
		return "", fmt.Errorf("secret %s: no secrets are configured", secret.Name())
	}
	return s(ctx, secret.Name())
}

// Rule is one place that the journal is handed on to. It is an item of `audit:`.
type Rule struct {
	Name string              `yaml:"name" json:"name,omitempty" help:"what it is called in status; else its kind" example:"siem"`
	To   config.Choice[Sink] `yaml:"to" json:"to" required:"true" help:"where the journal goes"`
}

var sinkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Validate finds names that cannot be.
func (r Rule) Validate(report func(path, message string)) {
	if r.Name != "" && !sinkName.MatchString(r.Name) {
		report("name", fmt.Sprintf("%q, want letters, digits, dots, dashes and underscores, at most 64", r.Name))
	}
}

func (r Rule) name() string {
	if r.Name != "" {
		return r.Name
	}
	return r.To.Name()
}

// Options configures New.
type Options struct {
	DB      *sql.DB // with the table audit_cursors
	Journal *journal.Journal
	Other   *Other // another log than the journal; nil: the journal
	Rules   []Rule
	Secrets Secrets
	Redact  func(string) string
	Log     *slog.Logger
}

// Other is a log that is not the journal. Troubles with its sinks are still journaled.
type Other struct {
	Source Source
	Name   string                                        // drift; tells its cursors and its events in the journal from others'
	Called string                                        // in words: the log of results
	Batch  int                                           // records at a time
	Most   int64                                         // how far a sink may be behind; what is older is dropped, counted and said. 0: there is no bound
	Tell   func(ctx context.Context, event, text string) // tells people; nil: the journal only
}

// Exporter hands the journal on.
type Exporter struct {
	Options
	lanes  []*lane
	source Source
	prefix string // of cursors
	called string
	batch  int
	first  time.Duration // wait after the first failure; tests make it shorter
}

// New returns the exporter of these rules. It does no I/O.
func New(o Options) (*Exporter, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Redact == nil {
		o.Redact = func(text string) string { return text }
	}
	x := &Exporter{Options: o, first: time.Second, source: entries{o.Journal}, called: "audit", batch: batchEntries}
	if o.Other != nil {
		x.source, x.prefix, x.called, x.batch = o.Other.Source, o.Other.Name+"/", o.Other.Called, o.Other.Batch
	}
	seen := map[string]bool{}
	for i, r := range o.Rules {
		sink, err := r.To.New()
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", x.section(), i, err)
		}
		if seen[r.name()] { // the cursor is kept under the name
			return nil, fmt.Errorf("%s[%d]: two sinks are called %q; give each a name of its own", x.section(), i, r.name())
		}
		seen[r.name()] = true
		x.lanes = append(x.lanes, &lane{name: r.name(), sink: sink})
	}
	return x, nil
}

// Run hands entries on until ctx ends.
func (x *Exporter) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range x.lanes {
		all.Go(func() { x.serve(ctx, l) })
	}
	all.Wait()
}

// Flush tries once to hand on what is there, until ctx ends. A sink that fails is left as it is.
func (x *Exporter) Flush(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range x.lanes {
		all.Go(func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			for {
				n, err := x.step(ctx, l)
				if n == 0 || err != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// State is how far one sink is.
type State struct {
	Sink    string    `json:"sink"`
	Behind  int64     `json:"behind"` // entries that it does not have yet
	Since   time.Time `json:"failing_since,omitzero"`
	Error   string    `json:"error,omitempty"`   // of the last attempt
	Sent    time.Time `json:"sent,omitzero"`     // when it took something last
	Dropped int64     `json:"dropped,omitempty"` // entries that it never got
	Log     string    `json:"log,omitempty"`     // in words; empty: the audit
}

// Trouble says in words what is wrong with a sink; empty: nothing that needs a person.
func (s State) Trouble(now time.Time) string {
	if !s.Since.IsZero() && now.Sub(s.Since) > patience {
		return fmt.Sprintf("the %s to %s is %d entries behind, it fails since %s: %s", s.called(), s.Sink, s.Behind, s.Since.Local().Format("2006-01-02 15:04:05"), s.Error)
	}
	if s.Behind > farBehind {
		return fmt.Sprintf("the %s to %s is %d entries behind", s.called(), s.Sink, s.Behind)
	}
	return ""
}

func (s State) called() string {
	if s.Log == "" {
		return "audit"
	}
	return s.Log
}

const (
	patience  = time.Minute // how long a sink may fail before people are told
	farBehind = 10_000
)

// Status tells how far each sink is.
func (x *Exporter) Status(ctx context.Context) ([]State, error) {
	head, err := x.source.Head(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]State, 0, len(x.lanes))
	for _, l := range x.lanes {
		c, err := x.cursor(ctx, l.name)
		if err != nil {
			return nil, err
		}
		st := State{Sink: l.name, Behind: max(head-c.seq, 0), Since: c.failed, Error: c.problem, Sent: c.at, Dropped: c.dropped}
		if x.Other != nil {
			st.Log = x.called
		}
		out = append(out, st)
	}
	return out, nil
}

// section is where the sinks are configured.
func (x *Exporter) section() string {
	if x.Other == nil {
		return "audit"
	}
	return x.Other.Name + ".logs.sinks"
}

// Close ends the sinks' connections.
func (x *Exporter) Close() error {
	var errs []error
	for _, l := range x.lanes {
		l.mu.Lock()
		errs = append(errs, l.sink.Close())
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}
