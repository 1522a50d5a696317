package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
)

type backupName struct {
	Name string `path:"name"`
}

type backupWork struct {
	Name string `path:"name"`
	Body struct {
		backup.Request
		Why string `json:"why,omitempty"`
	}
}

// RestorePoint is a restore point as programs see it.
type RestorePoint struct {
	ID       repository.ID  `json:"id"`
	At       time.Time      `json:"at"`
	Paths    []string       `json:"paths"`
	Hostname string         `json:"hostname"`
	Original *repository.ID `json:"original,omitempty"`
}

func (s *server) backups(a huma.API) {
	get(a, "/backups", "list-backups", "How the backups of all applications stand", func(ctx context.Context, _ *struct{}) ([]backup.Standing, error) {
		return s.Backups.Standings(ctx, time.Now())
	})
	get(a, "/backups/{name}/points", "list-restore-points", "Restore points of an application, youngest first", func(ctx context.Context, in *backupName) ([]RestorePoint, error) {
		all, err := s.Backups.Points(ctx, in.Name)
		points := make([]RestorePoint, 0, len(all))
		for _, p := range all {
			points = append(points, RestorePoint{ID: p.ID, At: p.Time, Paths: p.Paths, Hostname: p.Hostname, Original: p.Original})
		}
		return points, err
	})
	for _, w := range []struct {
		path, id, summary string
		kind              string
		action            auth.Action
	}{
		{"/backups/{name}/copy", "copy-application", "Copy an application now", backup.KindCopy, auth.Copy},
		{"/backups/{name}/drill", "drill-application", "Restore an application into a scratch place, check it and measure it", backup.KindDrill, auth.Copy},
		{"/backups/{name}/restore", "restore-application", "Bring an application back", backup.KindRestore, auth.Restore},
		{"/repositories/{name}/verify", "verify-repository", "Check that a repository is whole", backup.KindVerify, auth.Copy},
		{"/repositories/{name}/prune", "prune-repository", "Delete what no restore point needs", backup.KindPrune, auth.Delete},
	} {
		handle(a, http.MethodPost, w.path, w.id, w.summary, w.action, func(ctx context.Context, in *backupWork, p auth.Principal) (run.Info, error) {
			return s.Backups.Start(ctx, w.kind, in.Name, p.Name, in.Body.Why, in.Body.Request)
		})
	}
	handle(a, http.MethodPost, "/repositories/{name}/init", "init-repository", "Make an empty repository", auth.Administer, func(ctx context.Context, in *backupName, _ auth.Principal) (repository.ID, error) {
		return s.Backups.Init(ctx, in.Name)
	})
	get(a, "/repositories/{name}/keys", "list-keys", "Which keys open a repository", func(ctx context.Context, in *backupName) ([]repository.Key, error) {
		return s.Backups.Keys(ctx, in.Name)
	})
}

// Backups tells how the backups of all applications stand.
func (c *Client) Backups(ctx context.Context) (all []backup.Standing, err error) {
	return all, c.call(ctx, http.MethodGet, "/backups", nil, &all)
}

// RestorePoints lists those of an application, youngest first.
func (c *Client) RestorePoints(ctx context.Context, application string) (all []RestorePoint, err error) {
	return all, c.call(ctx, http.MethodGet, "/backups/"+url.PathEscape(application)+"/points", nil, &all)
}

// StartBackup begins work on an application or, for verify and prune, on a repository.
func (c *Client) StartBackup(ctx context.Context, kind, name, why string, q backup.Request) (info run.Info, err error) {
	path := "/backups/" + url.PathEscape(name) + "/"
	switch kind {
	case backup.KindCopy:
		path += "copy"
	case backup.KindVerify, backup.KindPrune:
		path = "/repositories/" + url.PathEscape(name) + "/" + kind
	default:
		path += kind
	}
	body := struct {
		backup.Request
		Why string `json:"why,omitempty"`
	}{q, why}
	return info, c.call(ctx, http.MethodPost, path, body, &info)
}

// InitRepository makes an empty repository.
func (c *Client) InitRepository(ctx context.Context, name string) (id repository.ID, err error) {
	return id, c.call(ctx, http.MethodPost, "/repositories/"+url.PathEscape(name)+"/init", struct{}{}, &id)
}

// RepositoryKeys lists the keys that open a repository.
func (c *Client) RepositoryKeys(ctx context.Context, name string) (all []repository.Key, err error) {
	return all, c.call(ctx, http.MethodGet, "/repositories/"+url.PathEscape(name)+"/keys", nil, &all)
}
