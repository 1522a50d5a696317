package backup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// The kinds of runs that this package registers with the engine.
const (
	KindCopy    = "backup"
	KindDrill   = "drill"
	KindRestore = "restore"
	KindVerify  = "verify"
	KindPrune   = "prune"
	KindForget  = "forget"
	KindCopyOn  = "copy-on"
	KindImport  = "import"
)

// IsKind says whether runs of a kind are of this package.
func IsKind(kind string) bool {
	return slices.Contains([]string{KindCopy, KindDrill, KindRestore, KindVerify, KindPrune, KindForget, KindCopyOn, KindImport}, kind)
}

// Notifier tells people. Send only enqueues.
type Notifier interface {
	Send(ctx context.Context, e notify.Event) error
}

// Options are the parts that backups stand on.
type Options struct {
	Config  Config
	Base    string // folder of the configuration file
	Data    string // folder of goodstate's own data, where drills have their scratch place
	Engine  *run.Engine
	Journal *journal.Journal
	Ledger  *ledger.Ledger
	Where   func(secret string) Whereabouts // where a secret lies, for the runbook
	Secret  func(ctx context.Context, name string) (string, error)
	Notify  Notifier
	Log     *slog.Logger
}

// Backups copies the configured applications, brings them back and tells how they stand.
type Backups struct {
	Options
	ring    repository.Keyring
	started time.Time
	process string // tells a new process from this one

	config   atomic.Pointer[Config]
	watching sync.Mutex
	agreeing sync.Mutex
	holds    holds
	streams  streams
}

// New registers the kinds of runs. The engine is launched by the caller afterwards.
func New(o Options) *Backups {
	b := &Backups{Options: o, started: time.Now(), process: rand.Text()}
	run.Register(o.Engine, KindCopy, b.copy)
	run.Register(o.Engine, KindDrill, b.drill)
	run.Register(o.Engine, KindRestore, b.restore)
	run.Register(o.Engine, KindVerify, b.verify)
	run.Register(o.Engine, KindPrune, b.prune)
	run.Register(o.Engine, KindForget, b.forgetRun)
	run.Register(o.Engine, KindCopyOn, b.copyOnRun)
	run.Register(o.Engine, KindImport, b.importRun)
	return b
}

// Configured is the configuration that is in force. It is never changed, only replaced.
func (b *Backups) Configured() Config {
	if c := b.config.Load(); c != nil {
		return *c
	}
	return b.Config
}

// Configure puts another configuration in force. Runs that were started keep what they were started with.
func (b *Backups) Configure(c Config) { b.config.Store(&c) }

// Target is the name of the lease that work on an application holds.
func Target(application string) string { return "application/" + application }

// RepositoryTarget is the name of the lease that work on a whole repository holds.
func RepositoryTarget(name string) string { return "repository/" + name }

// UnknownError says that the configuration has no such application or repository.
type UnknownError struct {
	What, Name string
	Known      []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown %s %q; goodstate.yaml has %s", e.What, e.Name, strings.Join(e.Known, ", "))
}

func (b *Backups) application(name string) (Application, error) {
	a, ok := b.Configured().Applications.Get(name)
	if !ok {
		return a, &UnknownError{"application", name, b.Configured().Applications.Keys()}
	}
	return a, nil
}

// Points lists the restore points of an application in its repository, the youngest first.
func (b *Backups) Points(ctx context.Context, application string) ([]repository.Snapshot, error) {
	a, err := b.application(application)
	if err != nil {
		return nil, err
	}
	repo, err := b.unlock(ctx, a.Repository)
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	all, err := pointsOf(ctx, repo, application)
	slices.Reverse(all)
	return all, err
}

// pointsOf lists the snapshots of an application, the oldest first.
func pointsOf(ctx context.Context, repo *repository.Repository, application string) ([]repository.Snapshot, error) {
	all, err := repo.Snapshots(ctx)
	return slices.DeleteFunc(all, func(s repository.Snapshot) bool { return !slices.Contains(s.Tags, source.Tag(application)) }), err
}

// Standing is how an application stands.
type Standing struct {
	Application string        `json:"application"`
	State       plan.State    `json:"state"`
	Why         string        `json:"why"`
	RPO         time.Duration `json:"rpo_ns,omitempty"`
	RTO         time.Duration `json:"rto_ns,omitempty"`
	Copied      time.Time     `json:"last_copied,omitzero"`
	Log         *LogStanding  `json:"log,omitempty"` // that is streamed
	Verified    time.Time     `json:"last_verified,omitzero"`
	Restored    time.Time     `json:"last_restored,omitzero"` // by a drill that passed
	Recovery    time.Duration `json:"recovery_ns,omitempty"`  // what that drill took
	Running     string        `json:"running,omitempty"`      // the run under way
	Repository  string        `json:"repository"`
	Since       time.Time     `json:"since,omitzero"`      // of the state, where it is not good
	Broken      time.Time     `json:"rpo_broken,omitzero"` // when the RPO is broken without another copy
	Next        time.Time     `json:"next_copy,omitzero"`  // when it is copied next
	Drilled     time.Time     `json:"last_drilled,omitzero"`
	Level       plan.Level    `json:"level"` // of the best restore point
	Points      int           `json:"points"`
	Suspended   bool          `json:"suspended,omitempty"` // nothing is copied or drilled by the clock
	Do          string        `json:"do,omitempty"`        // what to do now
	Command     string        `json:"command,omitempty"`   // and its command line
}

// Standings tells of all applications, by what the record says of their runs.
func (b *Backups) Standings(ctx context.Context, now time.Time) ([]Standing, error) {
	all := []Standing{}
	for name, a := range b.Configured().Applications.All() {
		s, err := b.standing(ctx, name, a, now)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Standing tells how one application stands.
func (b *Backups) Standing(ctx context.Context, name string, now time.Time) (Standing, error) {
	a, err := b.application(name)
	if err != nil {
		return Standing{}, err
	}
	return b.standing(ctx, name, a, now)
}

func (b *Backups) standing(ctx context.Context, name string, a Application, now time.Time) (Standing, error) {
	s := Standing{Application: name, Repository: a.Repository, Suspended: a.Suspend, RPO: time.Duration(a.RPO), RTO: time.Duration(a.RTO)}
	facts, running, err := b.facts(ctx, name, a)
	if err != nil {
		return s, err
	}
	s.State, s.Why = plan.Judge(facts, now)
	s.Log = b.streams.standing(name, now)
	s.Copied, s.Verified, s.Restored, s.Recovery, s.Running, s.Drilled = facts.Copied, facts.Verified, facts.Restored, facts.Took, running, facts.Drilled
	return s, b.outlook(ctx, &s, a, facts, now)
}

// facts reads the last runs of an application.
func (b *Backups) facts(ctx context.Context, name string, a Application) (plan.Facts, string, error) {
	f := plan.Facts{RPO: time.Duration(a.RPO), RTO: time.Duration(a.RTO)}
	running := ""
	runs, err := b.Engine.List(ctx, run.Filter{Target: Target(name), Limit: 200})
	if err != nil {
		return f, "", err
	}
	for _, r := range runs { // the youngest first
		if r.State == run.Running {
			running = r.ID
			continue
		}
		if err := ended(&f, r); err != nil {
			return f, "", fmt.Errorf("result of run %s: %w", r.ID, err)
		}
	}
	if err := b.present(ctx, name, a, &f); err != nil {
		return f, "", err
	}
	f.Log = b.streams.until(name)
	checks, err := b.Engine.List(ctx, run.Filter{Target: RepositoryTarget(a.Repository), Kind: KindVerify, Limit: 50})
	if err != nil {
		return f, "", err
	}
	for _, r := range checks {
		var v Verified
		if r.State == run.Succeeded && json.Unmarshal(r.Result, &v) == nil && v.Whole && v.Good {
			f.Verified = r.Ended
			break
		}
	}
	return f, running, nil
}

// ended takes one run that ended into the facts.
func ended(f *plan.Facts, r run.Info) error {
	switch r.Kind {
	case KindCopy:
		return copied(f, r)
	case KindDrill:
		if f.Drilled.IsZero() {
			f.Drilled = r.Ended
		}
		var d Drilled
		if r.State != run.Succeeded {
			return nil
		}
		if err := json.Unmarshal(r.Result, &d); err != nil {
			return err
		}
		if d.Good && f.Restored.IsZero() {
			f.Restored, f.Took = r.Ended, d.Recovery
		}
	}
	return nil
}

func copied(f *plan.Facts, r run.Info) error {
	first := f.Tried.IsZero()
	if first {
		f.Tried = r.Ended
	}
	if r.State != run.Succeeded {
		if first {
			f.Failed = r.Error
		}
		return nil
	}
	var c Result
	if err := json.Unmarshal(r.Result, &c); err != nil {
		return err
	}
	switch {
	case c.Failed != "":
		if first {
			f.Failed = c.Failed
		}
	case !c.Complete:
		if first {
			f.Incomplete = c.Problems
		}
	case f.Copied.IsZero():
		f.Copied = c.At
	}
	return nil
}

// input is what a run is started with.
type input struct {
	Application string      `json:"application,omitempty"`
	Config      Application `json:"config,omitzero"`
	Repository  string      `json:"repository"`
	Request     Request     `json:"request"`
	At          time.Time   `json:"at"`
}

// Start begins work of a kind on an application, or for verify and prune on a repository, because a person wants it. What deletes may have to wait for a second
// person: then it is a *SecondPersonError.
func (b *Backups) Start(ctx context.Context, kind, name, who, why string, q Request) (run.Info, error) {
	return b.StartAs(ctx, "", kind, name, who, why, q)
}

// StartAs is Start of the run of that ID, or the run that has the ID already: so that who asks again after a crash starts nothing twice.
func (b *Backups) StartAs(ctx context.Context, id, kind, name, who, why string, q Request) (run.Info, error) {
	if id != "" {
		if r, err := b.Engine.Get(ctx, id); err == nil || !errors.Is(err, run.ErrNoRun) {
			return r, err
		}
	}
	r, err := b.prepare(ctx, kind, name, who, why, q)
	if err != nil {
		return run.Info{}, err
	}
	if deletes := kind == KindPrune || kind == KindForget; deletes && !q.DryRun {
		if err := b.secondFor(ctx, kind, name, who, why, r.Input.(input)); err != nil {
			return run.Info{}, err
		}
	}
	r.ID = id
	return b.Engine.Start(ctx, r)
}

// begin starts work that nobody has to agree to any more.
func (b *Backups) begin(ctx context.Context, kind, name, who, why string, q Request) (run.Info, error) {
	r, err := b.prepare(ctx, kind, name, who, why, q)
	if err != nil {
		return run.Info{}, err
	}
	return b.Engine.Start(ctx, r)
}

// prepare checks what is asked for.
func (b *Backups) prepare(ctx context.Context, kind, name, who, why string, q Request) (run.Request, error) {
	none := run.Request{}
	in := input{Request: q, At: time.Now()}
	target := Target(name)
	switch kind {
	case KindVerify, KindPrune:
		if _, err := b.repository(name); err != nil {
			return none, err
		}
		in.Repository, target = name, RepositoryTarget(name)
	default:
		a, err := b.application(name)
		if err != nil {
			return none, err
		}
		in.Application, in.Config, in.Repository = name, a, a.Repository
		if kind == KindRestore || kind == KindDrill {
			if in.Repository, err = a.from(q); err != nil {
				return none, err
			}
		}
	}
	if kind == KindDrill && q.Simulate != "" {
		if err := in.Config.simulates(q.Simulate); err != nil {
			return none, err
		}
	}
	if kind == KindRestore {
		if err := q.check(in.Config.Source.Name()); err != nil {
			return none, err
		}
	}
	if kind == KindImport {
		if err := b.importable(in); err != nil {
			return none, err
		}
	}
	if q.Until != "" {
		if err := recovers(in.Config, q); err != nil {
			return none, err
		}
	}
	if q.To != "" {
		if _, err := b.repository(q.To); err != nil {
			return none, err
		}
	}
	if deletes := kind == KindPrune || kind == KindForget; deletes && !q.DryRun {
		if err := b.frozen(ctx, in.Repository, in.Config.Copies); err != nil {
			return none, err
		}
	}
	return run.Request{Kind: kind, Target: target, Who: who, Why: why, Input: in}, nil
}

// recovers says why an application cannot be brought back to a moment.
func recovers(a Application, q Request) error {
	src, err := a.Source.New()
	if err != nil {
		return err
	}
	if _, ok := src.(source.Recoverer); !ok {
		return fmt.Errorf("--until is for sources with a log, like postgres_server; a source of kind %s comes back as it was at a restore point, see --point", a.Source.Name())
	}
	_, err = source.ParseUntil(q.Until)
	return err
}
