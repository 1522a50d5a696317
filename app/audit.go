package app

import (
	"context"
	"time"

	"goodstate.dev/goodstate/core/audit"
	"goodstate.dev/goodstate/core/secret"
)

// openAudit hands the journal on for as long as this process lives. Who only reads leaves it to others.
func (a *App) openAudit(o Options, secrets *secret.Store) error {
	var err error
	a.Audit, err = audit.New(audit.Options{DB: a.Store.DB(), Journal: a.Journal, Rules: o.Config.Audit, Secrets: secrets.Get, Redact: secrets.Redact, Log: o.Log})
	if err != nil || o.Idle {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Audit.Run(ctx)
	}()
	a.stops = append(a.stops, func() error {
		cancel()
		<-done
		limited, stop := context.WithTimeout(context.Background(), flushAudit)
		defer stop()
		a.Audit.Flush(limited) // what does not get out now is handed on by the next process
		return a.Audit.Close()
	})
	return nil
}

const flushAudit = 2 * time.Second
