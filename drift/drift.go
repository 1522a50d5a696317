package drift

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/record"
)

// The kinds of runs that this package registers with the engine.
const (
	KindDetect  = string(record.Detect)
	KindCorrect = string(record.Correct)
)

// IsKind says whether runs of a kind are of this package.
func IsKind(kind string) bool { return kind == KindDetect || kind == KindCorrect }

// Occupants know who else works on hosts.
type Occupants interface {
	// Occupied says in words who works on hosts now: by address for the hosts at these addresses, and for all hosts of a playbook, which runs these services, under "".
	// What nobody works on is not in the answer.
	Occupied(ctx context.Context, services, addresses []string) (map[string]string, error)
}

// Point is a known-good point that a service went back to.
type Point struct {
	Service, ID, Commit string // Commit of the service's repository; empty: it has none
	At                  time.Time
}

// KnownGood knows where services went back to.
type KnownGood interface {
	// WentBack is the known-good point that is in force after a rollback of one of these services; ok is false where the last rollout of each went forward.
	WentBack(ctx context.Context, services []string) (p Point, ok bool, err error)
}

// Notifier tells people. Send only enqueues.
type Notifier interface {
	Send(ctx context.Context, e notify.Event) error
}

// Options are the parts that drift control stands on.
type Options struct {
	Config    Config
	Base      string // folder of the configuration file
	Data      string // folder of goodstate's own data, for checkouts
	Engine    *run.Engine
	Journal   *journal.Journal
	Book      *record.Book
	Secret    func(ctx context.Context, name string) (string, error)
	Occupants Occupants // nil: nobody else works on hosts
	KnownGood KnownGood // nil: nothing goes back
	Notify    Notifier  // nil: nobody is told
	Page      func(path string) string
	Log       *slog.Logger
}

// Drift looks at the hosts of the configured playbooks and corrects them.
type Drift struct {
	Options
	pool    *pool
	started time.Time
}

// New registers the kinds of runs. The engine is launched by the caller afterwards.
func New(o Options) *Drift {
	d := &Drift{Options: o, pool: newPool(o.Config.Connections), started: time.Now()}
	if err := d.sweepCheckouts(); err != nil {
		o.Log.Warn("checkouts of playbooks that runs which were killed left behind", "error", err)
	}
	run.Register(o.Engine, KindDetect, d.detect)
	run.Register(o.Engine, KindCorrect, d.correct)
	return d
}

// Close closes the connections that are kept.
func (d *Drift) Close() error { return d.pool.close() }

// Target is the name of the lease that a run of a playbook holds: it is run once at a time.
func Target(playbook string) string { return "playbook/" + playbook }

// UnknownError says that the configuration has no such playbook.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("unknown playbook %q; goodstate.yaml has none under drift.playbooks", e.Name)
	}
	return fmt.Sprintf("unknown playbook %q; goodstate.yaml has %s", e.Name, strings.Join(e.Known, ", "))
}

func (d *Drift) playbook(name string) (Playbook, error) {
	p, ok := d.Config.Playbooks.Get(name)
	if !ok {
		return p, &UnknownError{name, d.Config.Playbooks.Keys()}
	}
	return p, nil
}

// Order is what a run is told to do.
type Order struct {
	Playbook string `json:"playbook"`
	Limit    string `json:"limit,omitempty"` // of hosts, within that of the playbook
	Ask      string `json:"ask,omitempty"`   // the correction that an approver agreed to
}

// Result is what a run came to.
type Result struct {
	Hosts     int    `json:"hosts"`
	Left      int    `json:"left,omitempty"`      // hosts that others held
	Unreached int    `json:"unreached,omitempty"` // hosts that were not gone through
	Differing int    `json:"differing"`           // resources that differ and may not stay
	Corrected int    `json:"corrected,omitempty"` // hosts
	Failed    int    `json:"failed,omitempty"`    // hosts on which the correction did not do it
	Unknown   int    `json:"unknown,omitempty"`   // hosts of which it is not known
	Asked     int    `json:"asked,omitempty"`     // corrections that wait for an approver
	Stopped   string `json:"stopped,omitempty"`   // why it stopped before its end
	Commit    string `json:"commit,omitempty"`    // of the playbook, where not the newest counts
}

// ResultOf reads the result of a run; it is empty while the run is under way.
func ResultOf(info run.Info) (r Result, err error) {
	if len(info.Result) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(info.Result, &r); err != nil {
		return r, fmt.Errorf("result of run %s: %w", info.ID, err)
	}
	return r, nil
}

// Start begins to look at the hosts of a playbook, or to correct them.
func (d *Drift) Start(ctx context.Context, mode record.Mode, who, why string, o Order) (run.Info, error) {
	return d.start(ctx, "", mode, who, why, o)
}

func (d *Drift) start(ctx context.Context, id string, mode record.Mode, who, why string, o Order) (run.Info, error) {
	if _, err := d.playbook(o.Playbook); err != nil {
		return run.Info{}, err
	}
	if mode != record.Detect && mode != record.Correct {
		return run.Info{}, fmt.Errorf("run of playbook %s: %q, want detect or correct", o.Playbook, mode)
	}
	return d.Engine.Start(ctx, run.Request{ID: id, Kind: string(mode), Target: Target(o.Playbook), Who: who, Why: why, Input: o})
}

// Cancel ends a run where it is. A host that was being corrected is then known as unknown.
func (d *Drift) Cancel(ctx context.Context, id, who, why string) error {
	info, err := d.Engine.Get(ctx, id)
	if err != nil {
		return err
	}
	if !IsKind(info.Kind) {
		return fmt.Errorf("run %s of kind %s is none of drift: %w", id, info.Kind, run.ErrNoRun)
	}
	if why == "" {
		why = "no reason given"
	}
	if err := d.Engine.Cancel(ctx, id, who, why); err != nil {
		return err
	}
	return d.sweep(ctx)
}

// sweep gives an end to runs in the record that nobody carries out any more: they were cancelled, or the program was changed.
func (d *Drift) sweep(ctx context.Context) error {
	open, err := d.Book.Open(ctx)
	if err != nil {
		return err
	}
	for id, how := range open {
		if err := d.Book.End(ctx, id, how, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
