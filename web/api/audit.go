package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/audit"
)

// Audit tells how far the journal is handed on.
type Audit interface {
	Status(ctx context.Context) ([]audit.State, error)
}

func (s *server) audit(a huma.API) {
	get(a, "/audit", "audit", "How far the journal is handed on to where audits are kept", func(ctx context.Context, _ *struct{}) ([]audit.State, error) {
		return s.Audit.Status(ctx)
	})
}

// Audit tells how far the journal is handed on.
func (c *Client) Audit(ctx context.Context) (out []audit.State, err error) {
	return out, c.call(ctx, http.MethodGet, "/audit", nil, &out)
}
