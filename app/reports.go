package app

import (
	"goodstate.dev/goodstate/drift/report"
)

// openReports builds what makes reports of drift when they are due.
func (a *App) openReports(o Options) error {
	signer, err := report.OpenSigner(o.Config.Data)
	if err != nil {
		return err
	}
	a.Reports = report.NewSender(report.Options{
		Plans: o.Config.Drift.Reports, DB: a.Store.DB(), Book: a.Drift.Book, Journal: a.Journal, Notify: a.Notices, Signer: signer, Members: a.Drift.Members, Page: o.Config.Server.link, Log: o.Log,
	})
	return nil
}
