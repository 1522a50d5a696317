package rollout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/alert"
	"goodstate.dev/goodstate/rollout/feedback"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/source"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Kind is the kind of run that this package registers with the engine.
const Kind = "rollout"

// Notifier tells people. Send only enqueues: it never makes a rollout wait.
type Notifier interface {
	Send(ctx context.Context, e notify.Event) error
}

// Options are the parts that rollouts stand on.
type Options struct {
	Services config.Map[Service]
	Store    *store.Store
	Journal  *journal.Journal
	Engine   *run.Engine
	Runtime  runtime.Runtime
	Router   traffic.Router
	Source   func(name string, s Service) *source.Source
	Secret   func(ctx context.Context, name string) (string, error)
	Notify   Notifier
	Alerts   *alert.Store    // nil: none come in
	Feedback *feedback.Store // nil: nobody is asked
	// Snapshots takes restore points of the services that it covers; nil, and for others: a dump of the tables is taken, or the migration is refused.
	Snapshots Snapshotter
	Jobs      func() []string // names of the jobs that run before a push; nil: none are known
	// ApprovePage is the address of the page that asks for an approval, for notices; nil: none.
	ApprovePage func(run, step string, until time.Time) string
	Page        func(run string) string // address of a rollout's page, for notices; nil: none
	Log         *slog.Logger
}

// Rollouts starts rollouts of the configured services and tells how they do.
type Rollouts struct {
	Options
	mu   sync.Mutex
	live map[string]*Live
}

// New registers the kind of run. The engine is launched by the caller afterwards.
func New(o Options) *Rollouts {
	s := &Rollouts{Options: o, live: map[string]*Live{}}
	run.Register(o.Engine, Kind, s.run)
	return s
}

// Target is the name of the lease that a rollout of the service holds.
func Target(service string) string { return "service/" + service }

// HeldError says that a release may not be released.
type HeldError struct {
	Service, Version, Why, Who string
	Since                      time.Time
}

// Error says what is held, since when and why.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s %s is held since %s by %s: %s", e.Service, e.Version, e.Since.Local().Format("2006-01-02 15:04:05"), e.Who, e.Why)
}

// Hint says how a person lets the release go.
func (e *HeldError) Hint() string {
	return fmt.Sprintf("let it go with: goodstate unhold %s %s", e.Service, e.Version)
}

// ErrNothing says that a service has nothing to do the asked thing with; its text says what is missing.
var ErrNothing = errors.New("nothing to go back to")

// Deploy starts a rollout of the service to a version. It returns when the run is recorded, not when it ended.
func (s *Rollouts) Deploy(ctx context.Context, service, version string, who, why string, force bool) (run.Info, error) {
	in, err := s.prepare(ctx, service, version)
	if err != nil {
		return run.Info{}, err
	}
	in.Force = force
	if err := s.refuseHeld(ctx, in); err != nil && !force {
		return run.Info{}, err
	}
	if err := refuseSame(in); err != nil {
		return run.Info{}, err // also with force: its own instances would be the old ones that are ended
	}
	return s.Engine.Start(ctx, run.Request{Kind: Kind, Target: Target(service), Who: who, Why: why, Input: in})
}

// prepare turns names into the releases that they are.
func (s *Rollouts) prepare(ctx context.Context, service, version string) (Input, error) {
	conf, err := s.service(service)
	if err != nil {
		return Input{}, err
	}
	release, err := s.Source(service, conf).Resolve(ctx, version)
	if err != nil {
		return Input{}, err
	}
	old, err := s.Serving(ctx, service)
	if err != nil {
		return Input{}, err
	}
	if err := errors.Join(conf.spread(ctx, old), conf.readFiles()); err != nil {
		return Input{}, err
	}
	release.Service, release.Config = service, conf.Revision()
	return Input{Service: service, Config: conf, Release: release, Old: old, At: time.Now()}, nil
}

func (s *Rollouts) service(name string) (Service, error) {
	conf, ok := s.Services.Get(name)
	if !ok {
		return Service{}, &UnknownServiceError{Name: name, Known: s.Services.Keys()}
	}
	return conf, nil
}

// UnknownServiceError says that goodstate.yaml has no such service.
type UnknownServiceError struct {
	Name  string
	Known []string
}

// Error names the services that there are, the nearest one first.
func (e *UnknownServiceError) Error() string {
	if near := config.Nearest(e.Name, e.Known); near != "" {
		return fmt.Sprintf("unknown service %q (did you mean %s?)", e.Name, near)
	}
	known := append([]string(nil), e.Known...)
	sort.Strings(known)
	return fmt.Sprintf("unknown service %q, goodstate.yaml has %v", e.Name, known)
}

// refuseHeld says whether the release, or its commit under another name, is held.
func (s *Rollouts) refuseHeld(ctx context.Context, in Input) error {
	holds, err := s.Store.Holds(ctx, in.Service)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if h.Release == in.Release.ID() || h.Commit == in.Release.Commit {
			return &HeldError{Service: in.Service, Version: in.Release.Version, Why: h.Why, Who: h.Who, Since: h.At}
		}
	}
	return nil
}

// refuseSame says whether the release is the one that serves already.
func refuseSame(in Input) error {
	if in.Old != nil && in.Old.Release.ID() == in.Release.ID() {
		return fmt.Errorf("%s %s serves already, with the same commit and configuration", in.Service, in.Release.Version)
	}
	return nil
}

// Rollback brings the service back. While a rollout of it is under way, that run is told to go back; otherwise a run of its
// own leaves the release that serves now for the known-good point named, or for the newest one that is another release.
func (s *Rollouts) Rollback(ctx context.Context, service, point, who, why string) (run.Info, error) {
	if active, ok, err := s.Active(ctx, service); err != nil {
		return run.Info{}, err
	} else if ok {
		if point != "" {
			return run.Info{}, fmt.Errorf("rollout %s of %s is under way and goes back to where it came from; --to %s can be asked for when it has ended", active.ID, service, point)
		}
		return active, s.Engine.Signal(ctx, run.Signal{Run: active.ID, Name: SignalRollback, Who: who, Why: why})
	}
	in, err := s.prepareBack(ctx, service, point)
	if err != nil {
		return run.Info{}, err
	}
	in.At = time.Now()
	return s.Engine.Start(ctx, run.Request{Kind: Kind, Target: Target(service), Who: who, Why: why, Input: in})
}

// Active is the rollout of the service that is under way.
func (s *Rollouts) Active(ctx context.Context, service string) (run.Info, bool, error) {
	runs, err := s.Engine.List(ctx, run.Filter{Target: Target(service), State: run.Running, Limit: 1})
	if err != nil || len(runs) == 0 {
		return run.Info{}, false, err
	}
	return runs[0], true, nil
}

// The signals that a rollout under way understands.
const (
	SignalRollback = "rollback"
	SignalPromote  = "promote" // go on to the next stage now, or end the watch
	SignalPause    = "pause"
	SignalResume   = "resume"
)

// Tell sends a signal to the service's rollout under way.
func (s *Rollouts) Tell(ctx context.Context, service, signal, who, why string) (run.Info, error) {
	if _, err := s.service(service); err != nil {
		return run.Info{}, err
	}
	active, ok, err := s.Active(ctx, service)
	if err != nil {
		return run.Info{}, err
	}
	if !ok {
		return run.Info{}, fmt.Errorf("no rollout of %s is under way that could %s", service, signal)
	}
	return active, s.Engine.Signal(ctx, run.Signal{Run: active.ID, Name: signal, Who: who, Why: why})
}

// Hold keeps a release from being released, on every path, until Unhold.
func (s *Rollouts) Hold(ctx context.Context, service, version, who, why string) error {
	in, err := s.prepare(ctx, service, version)
	if err != nil {
		return err
	}
	if err := s.Store.PutHold(ctx, store.Hold{Service: service, Release: in.Release.ID(), Version: version, Commit: in.Release.Commit, Why: why, Who: who, At: time.Now()}); err != nil {
		return err
	}
	_, err = s.Journal.Append(ctx, journal.Entry{Event: "hold", Target: Target(service), Actor: who, Text: fmt.Sprintf("%s is held: %s", version, why)})
	return err
}

// Unhold lets a held release go.
func (s *Rollouts) Unhold(ctx context.Context, service, version, who, why string) error {
	if _, err := s.service(service); err != nil {
		return err
	}
	holds, err := s.Store.Holds(ctx, service)
	if err != nil {
		return err
	}
	found := false
	var names []string
	for _, h := range holds {
		names = append(names, h.Version)
		if h.Version != version && h.Release != version && h.Commit != version {
			continue
		}
		found = true
		if err := s.Store.DeleteHold(ctx, service, h.Release); err != nil {
			return err
		}
		if err := s.unmark(ctx, service, h.Release); err != nil {
			return fmt.Errorf("%s may be released again, but its marks in the cluster stay: %w", h.Version, err)
		}
	}
	if !found {
		return fmt.Errorf("%s %s is not held; held are: %v", service, version, names)
	}
	_, err = s.Journal.Append(ctx, journal.Entry{Event: "unhold", Target: Target(service), Actor: who, Text: fmt.Sprintf("%s may be released again: %s", version, why)})
	return err
}
