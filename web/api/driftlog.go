package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/drift/log"
)

// Results is the log of what tasks said on hosts.
type Results interface {
	Search(ctx context.Context, f log.Filter) (log.Page, error)
}

type searching struct {
	Query    string    `query:"q" doc:"words that must be there; \"several words\", word*, -word, host:web1, task:, text:, diff:"`
	Host     string    `query:"host"`
	Run      string    `query:"run"`
	Playbook string    `query:"playbook"`
	Task     string    `query:"task" doc:"a part of its name"`
	Status   string    `query:"status"`
	Since    time.Time `query:"since"`
	Until    time.Time `query:"until"`
	Before   int64     `query:"before" doc:"the next page: what before of this one says"`
	After    int64     `query:"after" doc:"what came after an entry, the oldest first"`
	Limit    int       `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func (s *server) driftLog(a huma.API) {
	get(a, "/drift/log", "drift-log", "What tasks said on hosts, the newest first, by pages", func(ctx context.Context, in *searching) (log.Page, error) {
		return s.Results.Search(ctx, log.Filter{
			Query: in.Query, Host: in.Host, Run: in.Run, Playbook: in.Playbook, Task: in.Task, Status: in.Status, Since: in.Since, Until: in.Until, Before: in.Before, After: in.After, Limit: in.Limit,
		})
	})
}

// DriftLog reads a page of what tasks said on hosts.
func (c *Client) DriftLog(ctx context.Context, f log.Filter) (out log.Page, err error) {
	q := url.Values{}
	for name, v := range map[string]string{"q": f.Query, "host": f.Host, "run": f.Run, "playbook": f.Playbook, "task": f.Task, "status": f.Status} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for name, n := range map[string]int64{"before": f.Before, "after": f.After, "limit": int64(f.Limit)} {
		if n > 0 {
			q.Set(name, strconv.FormatInt(n, 10))
		}
	}
	for name, t := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339))
		}
	}
	return out, c.call(ctx, http.MethodGet, "/drift/log?"+q.Encode(), nil, &out)
}
