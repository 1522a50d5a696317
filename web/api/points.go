package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/auth"
)

type pointsQuery struct {
	Name       string `path:"name"`
	Repository string `query:"repository" doc:"where the restore points lie; the application's own repository when empty"`
}

type contentsQuery struct {
	Name  string `path:"name"`
	Point string `path:"point" doc:"a restore point, or latest"`
	Path  string `query:"path"`
	Deep  bool   `query:"deep" doc:"the whole tree below the path"`
}

type diffQuery struct {
	Name string `path:"name"`
	From string `path:"point"`
	To   string `path:"to"`
}

type planBody struct {
	Name string `path:"name"`
	Body backup.Request
}

// Runbook is the recovery document.
type Runbook struct {
	Markdown string `json:"markdown"`
	HTML     string `json:"html"`
}

type runbookQuery struct {
	Application string `query:"application" doc:"only its chapter"`
}

// youngest is how programs name the youngest restore point in an address.
const youngest = "latest"

func named(point string) string {
	if point == youngest {
		return ""
	}
	return point
}

// pointsOfBackups offers what is in restore points, and how they are brought back.
func (s *server) pointsOfBackups(a huma.API) {
	get(a, "/backups/{name}/points/{point}/contents", "show-restore-point", "What a restore point has", func(ctx context.Context, in *contentsQuery) (backup.Contents, error) {
		return s.Backups.Contents(ctx, in.Name, named(in.Point), in.Path, in.Deep)
	})
	get(a, "/backups/{name}/points/{point}/diff/{to}", "diff-restore-points", "What changed from one restore point to another", func(ctx context.Context, in *diffQuery) (backup.Difference, error) {
		return s.Backups.Diff(ctx, in.Name, named(in.From), named(in.To))
	})
	handle(a, http.MethodPost, "/backups/{name}/restore/plan", "plan-restore", "What a restore would overwrite", auth.View, func(ctx context.Context, in *planBody, p auth.Principal) (backup.RestorePlan, error) {
		if err := s.mayBackups(p, auth.Restore); err != nil {
			return backup.RestorePlan{}, err
		}
		return s.Backups.PlanRestore(ctx, in.Name, in.Body)
	})
	get(a, "/runbook", "show-runbook", "The recovery document", func(ctx context.Context, in *runbookQuery) (r Runbook, err error) {
		book, err := s.Backups.Runbook(ctx, time.Now())
		if err != nil {
			return r, err
		}
		if in.Application != "" {
			only, ok := book.Of(in.Application)
			if !ok {
				return r, &backup.UnknownError{What: "application", Name: in.Application, Known: s.Backups.Configured().Applications.Keys()}
			}
			book = only
		}
		if r.Markdown, err = book.Markdown(); err == nil {
			r.HTML, err = book.HTML()
		}
		return r, err
	})
}

// mayBackups says no where the roles of the configuration do.
func (s *server) mayBackups(p auth.Principal, action auth.Action) error {
	if s.Backups.May(p, action) {
		return nil
	}
	return problem(http.StatusForbidden, "forbidden", fmt.Sprintf("%s is %s and may not %s; backup.roles says who may", p.Name, p.Role, action), "")
}

// RestorePoints lists those of an application, youngest first; in another repository than its own where one is named.
func (c *Client) RestorePoints(ctx context.Context, application, repository string) (all []backup.RestorePoint, err error) {
	path := "/backups/" + url.PathEscape(application) + "/points"
	if repository != "" {
		path += "?repository=" + url.QueryEscape(repository)
	}
	return all, c.call(ctx, http.MethodGet, path, nil, &all)
}

func pointPath(application, point string) string {
	if point == "" {
		point = youngest
	}
	return "/backups/" + url.PathEscape(application) + "/points/" + url.PathEscape(point)
}

// Contents lists what a restore point has below a path; the youngest when none is named.
func (c *Client) Contents(ctx context.Context, application, point, path string, deep bool) (got backup.Contents, err error) {
	return got, c.call(ctx, http.MethodGet, fmt.Sprintf("%s/contents?path=%s&deep=%v", pointPath(application, point), url.QueryEscape(path), deep), nil, &got)
}

// DiffPoints says what changed from one restore point to another.
func (c *Client) DiffPoints(ctx context.Context, application, from, to string) (d backup.Difference, err error) {
	if to == "" {
		to = youngest
	}
	return d, c.call(ctx, http.MethodGet, pointPath(application, from)+"/diff/"+url.PathEscape(to), nil, &d)
}

// PlanRestore says what a restore would overwrite.
func (c *Client) PlanRestore(ctx context.Context, application string, q backup.Request) (p backup.RestorePlan, err error) {
	return p, c.call(ctx, http.MethodPost, "/backups/"+url.PathEscape(application)+"/restore/plan", q, &p)
}

// Runbook is the recovery document; of one application where it is named.
func (c *Client) Runbook(ctx context.Context, application string) (r Runbook, err error) {
	return r, c.call(ctx, http.MethodGet, "/runbook?application="+url.QueryEscape(application), nil, &r)
}
