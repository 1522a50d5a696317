package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/audit"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/secret"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/drift/log"
	"goodstate.dev/goodstate/drift/report"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/alert"
	"goodstate.dev/goodstate/rollout/feedback"
	"goodstate.dev/goodstate/rollout/runtime/fleet"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/runtime/process"
	"goodstate.dev/goodstate/rollout/samples"
	"goodstate.dev/goodstate/rollout/source"
	_ "goodstate.dev/goodstate/rollout/traffic/gatewayapi" // registers itself
	_ "goodstate.dev/goodstate/rollout/traffic/haproxy"    // likewise
	"goodstate.dev/goodstate/rollout/traffic/proxy"
	_ "goodstate.dev/goodstate/rollout/traffic/service" // likewise
	"goodstate.dev/goodstate/web"
	"goodstate.dev/goodstate/web/api"
)

// Options adjust an App.
type Options struct {
	Config *Config
	Base   string   // folder of the configuration file; relative repositories are taken from it
	Self   []string // argv that runs this program; the proxy and the instances' keepers are started with it
	Log    *slog.Logger
	// Elsewhere finds secrets that the configuration does not know; nil where there are none.
	Elsewhere func(ctx context.Context, name string) (string, error)
	Idle      bool               // carry out no runs: only read, or change a record
	OnStep    func(point string) // for fault tests; see run.Options
}

// App is goodstate at work on one data directory, which it owns until Close.
type App struct {
	Config   *Config
	Store    *store.Store
	Journal  *journal.Journal
	Engine   *run.Engine
	Rollouts *rollout.Rollouts
	Backups  *backup.Backups
	Desk     *desk.Desk
	Drift    *drift.Drift
	Auth     *auth.Auth
	Notices  *notify.Notifier
	Links    *auth.Links
	Audit    *audit.Exporter
	Results  *log.Log
	Reports  *report.Sender

	base     string // folder of the configuration file
	log      *slog.Logger
	api      http.Handler
	hooked   http.Handler // what Git hosts tell of pushes
	router   *router
	routers  *routers
	stops    []func() error // in the order of their start
	socket   string
	deliver  context.CancelFunc
	delivery chan struct{}
	handed   handed
}

// Open builds everything, owns the data directory, offers the API on its socket, and continues the runs that were under way.
func Open(ctx context.Context, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	a := &App{Config: o.Config, base: o.Base, log: o.Log, socket: SocketPath(o.Config.Data)}
	if err := a.open(ctx, o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// SocketPath is where the owner of a data directory answers.
func SocketPath(data string) string { return filepath.Join(data, "api.sock") }

func (a *App) open(ctx context.Context, o Options) error {
	var err error
	if a.Store, err = store.Open(ctx, o.Config.Data); err != nil {
		return err
	}
	a.stops = append(a.stops, a.Store.Close)
	a.Journal = journal.New(a.Store)
	secrets := secret.New(o.Config.Secrets, o.Base)
	if o.Elsewhere != nil {
		secrets.Elsewhere(o.Elsewhere)
	}
	a.Journal.Redact(secrets.Redact)
	if a.Engine, err = run.Open(ctx, a.Store, a.Journal, run.Options{Logger: o.Log, OnStep: o.OnStep}); err != nil {
		return err
	}
	if err := a.openAudit(o, secrets); err != nil {
		return err
	}
	if err := a.openNotices(o, secrets); err != nil {
		return err
	}
	if err := a.openResults(ctx, o, secrets); err != nil {
		return err
	}
	if a.Auth, err = auth.New(auth.Options{DB: a.Store.DB(), Log: o.Log}); err != nil {
		return err
	}
	a.hooked = &webhooks{App: a, secret: secrets.Get, refused: map[string]*refusals{}}
	if a.Links, err = auth.OpenLinks(filepath.Join(o.Config.Data, "links.key")); err != nil {
		return err
	}
	a.Backups = backup.New(backup.Options{
		Config: o.Config.Backup, Base: o.Base, Data: o.Config.Data, Engine: a.Engine, Journal: a.Journal, Ledger: &ledger.Ledger{DB: a.Store.DB()}, Secret: secrets.Get,
		Where: a.whereabouts, Notify: a.Notices, Log: o.Log,
	})
	if err := a.openRollouts(o, secrets); err != nil {
		return err
	}
	if a.Desk, err = desk.New(desk.Options{Store: a.Store, Engine: a.Engine, Journal: a.Journal, Log: o.Log, RoleOf: a.Auth.RoleOf}); err != nil {
		return err
	}
	if err := a.openDrift(o, secrets); err != nil {
		return err
	}
	if err := a.openReports(o); err != nil {
		return err
	}
	offered := api.New(api.Options{Rollouts: a.Rollouts, Backups: a.Backups, Desk: a.Desk, Drift: a.Drift, Engine: a.Engine, Journal: a.Journal, Store: a.Store, Auth: a.Auth, Notices: a.Notices, Audit: a.handed, Results: a.Results, Reports: a.Reports, Version: Version()})
	a.api = offered
	if err := a.listen(offered); err != nil {
		return err
	}
	a.stops = append(a.stops, func() error { return a.Engine.Close(context.Background()) })
	if o.Idle {
		return nil
	}
	return a.Engine.Launch(ctx)
}

func (a *App) openNotices(o Options, secrets *secret.Store) error {
	var err error
	a.Notices, err = notify.New(notify.Options{DB: a.Store.DB(), Rules: o.Config.Notify, Secrets: secrets.Get, Redact: secrets.Redact, Log: o.Log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.deliver, a.delivery = cancel, make(chan struct{})
	go func() {
		defer close(a.delivery)
		a.Notices.Run(ctx)
	}()
	a.stops = append(a.stops, func() error {
		limited, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		err := a.Notices.Flush(limited)
		cancel()
		<-a.delivery
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("deliver notices: %w", err)
		}
		return nil
	})
	return nil
}

func (a *App) openRollouts(o Options, secrets *secret.Store) error {
	data := o.Config.Data
	instances, err := process.New(process.Options{Dir: filepath.Join(data, "instances"), Keeper: append(slices.Clone(o.Self), "keep")})
	if err != nil {
		return err
	}
	hosts, err := fleet.New(fleet.Options{Dir: filepath.Join(data, "hosts"), Local: instances, Self: o.Self[0], Log: o.Log})
	if err != nil {
		return err
	}
	pods, err := kubernetes.New(kubernetes.Options{Dir: filepath.Join(data, "clusters"), Local: hosts, Secret: secrets.Get, Log: o.Log})
	if err != nil {
		return errors.Join(err, hosts.Close())
	}
	a.stops = append(a.stops, hosts.Close, pods.Close)
	proxyDir := filepath.Join(data, "proxy")
	a.router = &router{idle: o.Idle, opt: proxy.Options{Dir: proxyDir, Command: append(slices.Clone(o.Self), "proxy", "--dir", proxyDir), Logger: o.Log}}
	a.routers = &routers{own: a.router, dir: filepath.Join(data, "traffic"), idle: o.Idle, log: o.Log, others: map[string]*other{}}
	a.stops = append(a.stops, a.router.close, a.routers.close)
	a.Rollouts = rollout.New(rollout.Options{
		Services: o.Config.Services, Store: a.Store, Journal: a.Journal, Engine: a.Engine, Runtime: pods, Router: a.routers,
		Source: func(name string, s rollout.Service) *source.Source {
			return source.New(source.Options{Dir: filepath.Join(data, "sources", name), Config: s.Source, Service: name, Base: o.Base})
		},
		Secret: secrets.Get, Notify: a.Notices, Log: o.Log, Snapshots: a.Backups,
		Alerts:   &alert.Store{DB: a.Store.DB()},
		Feedback: &feedback.Store{DB: a.Store.DB(), Spool: &feedback.Spool{Dir: proxy.DeskDir(proxyDir)}, Redact: secrets.Redact},
		Jobs:     func() []string { return o.Config.Hooks.PrePush.Jobs.Keys() },
		ApprovePage: func(run, step string, until time.Time) string {
			return o.Config.Server.link(web.ApproveLink(a.Links, run, step, until))
		},
		Page: func(run string) string { return o.Config.Server.link("rollouts/" + run) },
	})
	return nil
}

// listen offers the API on the data directory's socket.
func (a *App) listen(offered http.Handler) error {
	if err := os.Remove(a.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("socket of the API: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", a.socket)
	if err != nil {
		return fmt.Errorf("socket of the API: %w", err)
	}
	if err := os.Chmod(a.socket, 0o600); err != nil {
		return errors.Join(fmt.Errorf("socket of the API: %w", err), l.Close())
	}
	server := &http.Server{Handler: offered, ConnContext: auth.ConnContext, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with Close below
	}()
	a.stops = append(a.stops, func() error {
		err := server.Close()
		<-done
		return err
	})
	return nil
}

// Client asks this App as any other program would.
func (a *App) Client() *api.Client { return api.OverSocket(a.socket) }

// Watch looks after the proxy until ctx ends, so that one that was killed is started again with the routes that it had, and takes up pushes.
func (a *App) Watch(ctx context.Context) {
	var clock sync.WaitGroup
	clock.Go(func() { a.Backups.Clock(ctx) })
	clock.Go(func() { a.Desk.Clock(ctx) })
	clock.Go(func() { a.Results.Tend(ctx, a.Config.Drift.Logs.Keep.Std(), a.log) })
	clock.Go(func() { a.follow(ctx) })
	clock.Go(func() { a.Drift.Clock(ctx) })
	clock.Go(func() { a.Reports.Clock(ctx) })
	defer clock.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var reminded, recorded time.Time
	week := &samples.Week{Dir: samples.Folder(a.Config.Data)}
	defer func() {
		if err := week.Flush(); err != nil {
			a.log.WarnContext(ctx, "this hour's samples are not kept", slog.Any("error", err))
		}
	}()
	for {
		if now := time.Now(); now.Sub(reminded) > time.Minute {
			reminded = now
			if err := a.Rollouts.Remind(ctx, now); err != nil && ctx.Err() == nil {
				a.log.ErrorContext(ctx, "nobody is reminded of what is to be done", slog.Any("error", err))
			}
		}
		was, err := a.router.revive(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.ErrorContext(ctx, "the proxy is gone and cannot be started", slog.Any("error", err))
		case was:
			a.log.WarnContext(ctx, "the proxy was gone and is started again")
			if _, err := a.Journal.Append(ctx, journal.Entry{Event: "proxy-revived", Actor: "goodstate", Text: "the proxy was gone; it is started again with its routes"}); err != nil {
				a.log.ErrorContext(ctx, "not journaled", slog.Any("error", err))
			}
		}
		if now := time.Now(); now.Sub(recorded) > weekEvery {
			recorded = now
			a.recordWeek(ctx, week)
		}
		if err := a.routers.wake(); err != nil {
			a.log.ErrorContext(ctx, "a load balancer cannot be looked after", slog.Any("error", err))
		}
		a.takePushes(ctx)
		if err := a.Rollouts.TakeFeedback(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "reports of users not taken up", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// followEach is how long it takes until the proxy has the address of a pod that was replaced; meanwhile it uses the others.
const followEach = time.Second

// follow keeps the traffic on pods that move.
func (a *App) follow(ctx context.Context) {
	tick := time.NewTicker(followEach)
	defer tick.Stop()
	said := ""
	for {
		err := a.Rollouts.Follow(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			a.log.ErrorContext(ctx, "traffic does not follow pods", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// StopProxy ends the proxy process, and with it the service's addresses. Only who takes everything down does this.
func (a *App) StopProxy(ctx context.Context) error { return a.router.shutdown(ctx) }

// Close ends what this process does. Instances, the proxy and open runs stay: the next process goes on with them.
func (a *App) Close() error {
	var errs []error
	for i := len(a.stops) - 1; i >= 0; i-- {
		errs = append(errs, a.stops[i]())
	}
	a.stops = nil
	return errors.Join(errs...)
}
