package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/drift/report"
)

// Reports makes reports of drift and sends them.
type Reports interface {
	Send(ctx context.Context, name, who string, now time.Time) ([]report.File, error)
}

type reportName struct {
	Name string `path:"name"`
}

func (s *server) reports(a huma.API) {
	handle(a, http.MethodPost, "/drift/reports/{name}/send", "send-drift-report", "Make a report of goodstate.yaml now, and send it", auth.Launch, func(ctx context.Context, in *reportName, p auth.Principal) ([]report.File, error) {
		return s.Reports.Send(ctx, in.Name, p.Name, time.Now())
	})
}

// SendReport makes a report of goodstate.yaml now, and sends it.
func (c *Client) SendReport(ctx context.Context, name string) (out []report.File, err error) {
	return out, c.call(ctx, http.MethodPost, "/drift/reports/"+url.PathEscape(name)+"/send", struct{}{}, &out)
}

// JournalOf reads entries of an event, newest first, before a number; 0 begins.
func (c *Client) JournalOf(ctx context.Context, event string, before int64, limit int) (out []journal.Entry, err error) {
	q := url.Values{"event": {event}, "limit": {strconv.Itoa(limit)}}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	return out, c.call(ctx, http.MethodGet, "/journal?"+q.Encode(), nil, &out)
}
