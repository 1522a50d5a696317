package app

import (
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
	a.stops = append(a.stops, serveExporter(a.Audit))
	return nil
}

const flushAudit = 2 * time.Second
