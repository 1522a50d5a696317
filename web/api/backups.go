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

func (s *server) backups(a huma.API) {
	get(a, "/backups", "list-backups", "How the backups of all applications stand", func(ctx context.Context, _ *struct{}) ([]backup.Standing, error) {
		return s.Backups.Standings(ctx, time.Now())
	})
	get(a, "/backups/{name}/points", "list-restore-points", "Restore points of an application, youngest first, and how far each is proven", func(ctx context.Context, in *pointsQuery) ([]backup.RestorePoint, error) {
		return s.Backups.RestorePoints(ctx, in.Name, in.Repository)
	})
	s.pointsOfBackups(a)
	s.watchOfBackups(a)
	s.requestsOfBackups(a)
	for _, w := range []struct {
		path, id, summary string
		kind              string
		action            auth.Action
	}{
		{"/backups/{name}/copy", "copy-application", "Copy an application now", backup.KindCopy, auth.Copy},
		{"/backups/{name}/drill", "drill-application", "Restore an application into a scratch place, check it and measure it", backup.KindDrill, auth.Copy},
		{"/backups/{name}/restore", "restore-application", "Bring an application back", backup.KindRestore, auth.Restore},
		{"/backups/{name}/copy-on", "copy-on-application", "Copy restore points on to a second repository", backup.KindCopyOn, auth.Copy},
		{"/backups/{name}/import", "import-restore-point", "Make a restore point out of a backup that Velero made", backup.KindImport, auth.Copy},
		{"/backups/{name}/forget", "forget-restore-points", "Let restore points go that keep does not want, or one by name", backup.KindForget, auth.Delete},
		{"/repositories/{name}/verify", "verify-repository", "Check that a repository is whole", backup.KindVerify, auth.Copy},
		{"/repositories/{name}/prune", "prune-repository", "Delete what no restore point needs", backup.KindPrune, auth.Delete},
	} {
		handle(a, http.MethodPost, w.path, w.id, w.summary, auth.View, func(ctx context.Context, in *backupWork, p auth.Principal) (run.Info, error) {
			if err := s.mayBackups(p, w.action); err != nil {
				return run.Info{}, err
			}
			return s.Backups.Start(ctx, w.kind, in.Name, p.Name, in.Body.Why, in.Body.Request)
		})
	}
	handle(a, http.MethodPost, "/repositories/{name}/init", "init-repository", "Make an empty repository", auth.Administer, func(ctx context.Context, in *backupName, _ auth.Principal) (repository.ID, error) {
		return s.Backups.Init(ctx, in.Name)
	})
	s.keys(a)
}

// Backups tells how the backups of all applications stand.
func (c *Client) Backups(ctx context.Context) (all []backup.Standing, err error) {
	return all, c.call(ctx, http.MethodGet, "/backups", nil, &all)
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
