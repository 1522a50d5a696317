package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/auth"
)

type requestsQuery struct {
	All bool `query:"all" doc:"also those that ended"`
}

// requestsOfBackups offers the deletions that wait for a second person.
func (s *server) requestsOfBackups(a huma.API) {
	get(a, "/backup-requests", "list-backup-requests", "Deletions of copies that wait for a second person", func(ctx context.Context, in *requestsQuery) ([]ledger.Request, error) {
		all, err := s.Backups.Requests(ctx, in.All)
		return append([]ledger.Request{}, all...), err // an empty list is no null
	})
	handle(a, http.MethodPost, "/backup-requests/{name}/approve", "approve-backup-request", "Agree to a deletion of copies that somebody else asked for", auth.Approve, func(ctx context.Context, in *reasonBody, p auth.Principal) (ledger.Request, error) {
		return s.Backups.Approve(ctx, in.Name, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/backup-requests/{name}/refuse", "refuse-backup-request", "End a request to delete copies", auth.View, func(ctx context.Context, in *reasonBody, p auth.Principal) (ledger.Request, error) {
		r, err := s.Backups.Ledger.Request(ctx, in.Name)
		if err == nil && !p.Can(auth.Approve) && p.Name != r.Who {
			err = problem(http.StatusForbidden, "forbidden", p.Name+" is "+string(p.Role)+" and may not refuse what others ask for", "")
		}
		if err != nil {
			return r, err
		}
		return s.Backups.Refuse(ctx, r.ID, p.Name, in.Body.Why)
	})
}

// BackupRequests lists the deletions that wait for a second person, and with all also those that ended.
func (c *Client) BackupRequests(ctx context.Context, all bool) (out []ledger.Request, err error) {
	path := "/backup-requests"
	if all {
		path += "?all=true"
	}
	return out, c.call(ctx, http.MethodGet, path, nil, &out)
}

// ApproveBackup agrees to a deletion that somebody else asked for.
func (c *Client) ApproveBackup(ctx context.Context, id, why string) (r ledger.Request, err error) {
	return r, c.call(ctx, http.MethodPost, "/backup-requests/"+url.PathEscape(id)+"/approve", whyBody{why}, &r)
}

// RefuseBackup ends a request.
func (c *Client) RefuseBackup(ctx context.Context, id, why string) (r ledger.Request, err error) {
	return r, c.call(ctx, http.MethodPost, "/backup-requests/"+url.PathEscape(id)+"/refuse", whyBody{why}, &r)
}
