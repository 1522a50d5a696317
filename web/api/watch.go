package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/auth"
)

// Watched is what the watch has noticed, and what is frozen because of it.
type Watched struct {
	Alerts []ledger.Alert  `json:"alerts"`
	Frozen []ledger.Frozen `json:"frozen"`
}

type alertsQuery struct {
	All bool `query:"all" doc:"also those that are closed"`
}

type reasonBody struct {
	Name string `path:"name"`
	Body struct {
		Why string `json:"why,omitempty"`
	}
}

// watchOfBackups offers the alerts of the watch.
func (s *server) watchOfBackups(a huma.API) {
	get(a, "/backup-alerts", "list-backup-alerts", "What looks like an attack on the copies or a mistake with them", func(ctx context.Context, in *alertsQuery) (w Watched, err error) {
		if w.Alerts, err = s.Backups.Alerts(ctx, !in.All); err == nil {
			w.Frozen, err = s.Backups.Frozen(ctx)
		}
		w.Alerts, w.Frozen = append([]ledger.Alert{}, w.Alerts...), append([]ledger.Frozen{}, w.Frozen...) // an empty list is no null
		return w, err
	})
	handle(a, http.MethodPost, "/backup-alerts/{name}/close", "close-backup-alert", "Note that a person has looked at an alert", auth.View, func(ctx context.Context, in *reasonBody, p auth.Principal) (struct{}, error) {
		if err := s.mayBackups(p, auth.Restore); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.Backups.CloseAlert(ctx, in.Name, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/repositories/{name}/unfreeze", "unfreeze-repository", "Let copies be deleted again", auth.View, func(ctx context.Context, in *reasonBody, p auth.Principal) (struct{}, error) {
		if err := s.mayBackups(p, auth.Delete); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.Backups.Unfreeze(ctx, in.Name, p.Name, in.Body.Why)
	})
}

// BackupAlerts lists what the watch has noticed.
func (c *Client) BackupAlerts(ctx context.Context, all bool) (w Watched, err error) {
	path := "/backup-alerts"
	if all {
		path += "?all=true"
	}
	return w, c.call(ctx, http.MethodGet, path, nil, &w)
}

type whyBody struct {
	Why string `json:"why,omitempty"`
}

// CloseBackupAlert notes that a person has looked at an alert.
func (c *Client) CloseBackupAlert(ctx context.Context, id, why string) error {
	return c.call(ctx, http.MethodPost, "/backup-alerts/"+url.PathEscape(id)+"/close", whyBody{why}, &struct{}{})
}

// Unfreeze lets copies of a repository be deleted again.
func (c *Client) Unfreeze(ctx context.Context, repository, why string) error {
	return c.call(ctx, http.MethodPost, "/repositories/"+url.PathEscape(repository)+"/unfreeze", whyBody{why}, &struct{}{})
}
