package app

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/audit"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/secret"
	"goodstate.dev/goodstate/drift/log"
)

// openResults opens the log of what tasks said on hosts, and hands it on for as long as this process lives.
func (a *App) openResults(ctx context.Context, o Options, secrets *secret.Store) error {
	var err error
	if a.Results, err = log.Open(ctx, a.Store); err != nil {
		return err
	}
	conf := o.Config.Drift.Logs
	x, err := audit.New(audit.Options{
		DB: a.Store.DB(), Journal: a.Journal, Rules: conf.Sinks, Other: a.Results.Shipping(conf, a.tellShipping), Secrets: secrets.Get, Redact: secrets.Redact, Log: o.Log,
	})
	if err != nil {
		return err
	}
	a.handed = handed{a.Audit, x}
	if o.Idle || len(conf.Sinks) == 0 {
		return nil
	}
	a.stops = append(a.stops, serveExporter(x))
	return nil
}

// serveExporter hands a log on until the returned function is called.
func serveExporter(x *audit.Exporter) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.Run(ctx)
	}()
	return func() error {
		cancel()
		<-done
		limited, stop := context.WithTimeout(context.Background(), flushAudit)
		defer stop()
		x.Flush(limited) // what does not get out now is handed on by the next process
		return x.Close()
	}
}

// tellShipping tells people that a sink of the log does not get what it should, or gets it again.
func (a *App) tellShipping(ctx context.Context, event, text string) {
	e := notify.Event{ID: event + "/" + time.Now().UTC().Format("20060102T150405"), Type: "drift.log_" + strings.ReplaceAll(strings.TrimPrefix(event, "drift-log-"), "-", "_"), Phase: notify.Trigger, Severity: notify.Warning, Title: text, At: time.Now()}
	if event == "drift-log-caught-up" {
		e.Severity = notify.Info
	}
	if err := a.Notices.Send(ctx, e); err != nil {
		a.log.ErrorContext(ctx, "nobody is told of the log of results", slog.Any("error", err))
	}
}

// handed are the logs that are handed on.
type handed []*audit.Exporter

// Status tells how far each sink of each log is.
func (h handed) Status(ctx context.Context) (all []audit.State, err error) {
	all = []audit.State{}
	for _, x := range h {
		states, err := x.Status(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, states...)
	}
	return all, nil
}
