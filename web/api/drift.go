package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/record"
)

type driftWork struct {
	Name string `path:"name"`
	Body struct {
		Limit string `json:"limit,omitempty" doc:"only these hosts of the playbook, as Ansible's patterns say"`
		Why   string `json:"why,omitempty"`
	}
}

type driftAnswer struct {
	ID   string `path:"id"`
	Body struct {
		Why string `json:"why,omitempty"`
	}
}

// Accept lets a difference stay.
type Accept struct {
	Playbook   string    `json:"playbook"`
	Difference string    `json:"difference" doc:"its name, or at least 6 characters of it"`
	Why        string    `json:"why"`
	Until      time.Time `json:"until"`
}

type driftAccept struct{ Body Accept }

type driftPlaybook struct {
	Playbook string `query:"playbook"`
}

type driftRunID struct {
	Run string `path:"run"`
}

func (s *server) drift(a huma.API) {
	for mode, summary := range map[record.Mode]string{record.Detect: "Look at the hosts of a playbook", record.Correct: "Correct the hosts of a playbook as its policy allows"} {
		handle(a, http.MethodPost, "/drift/playbooks/{name}/"+string(mode), string(mode)+"-drift", summary, auth.Launch, func(ctx context.Context, in *driftWork, p auth.Principal) (run.Info, error) {
			return s.Drift.Start(ctx, mode, p.Name, in.Body.Why, drift.Order{Playbook: in.Name, Limit: in.Body.Limit})
		})
	}
	handle(a, http.MethodPost, "/drift/accept", "accept-drift", "Let a difference stay for a time, for a reason", auth.Launch, func(ctx context.Context, in *driftAccept, p auth.Principal) (string, error) {
		return s.Drift.Accept(ctx, in.Body.Playbook, in.Body.Difference, in.Body.Why, p.Name, in.Body.Until)
	})
	get(a, "/drift/asks", "list-asked-corrections", "Corrections that wait for an approver", func(ctx context.Context, in *driftPlaybook) ([]record.Ask, error) {
		return s.Drift.Book.Asks(ctx, in.Playbook, time.Now())
	})
	handle(a, http.MethodPost, "/drift/asks/{id}/approve", "approve-correction", "Agree to a correction and begin it", auth.Approve, func(ctx context.Context, in *driftAnswer, p auth.Principal) (run.Info, error) {
		return s.Drift.Approve(ctx, in.ID, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/drift/asks/{id}/reject", "reject-correction", "Leave a difference as it is", auth.Approve, func(ctx context.Context, in *driftAnswer, p auth.Principal) (struct{}, error) {
		return struct{}{}, s.Drift.Reject(ctx, in.ID, p.Name, in.Body.Why)
	})
	get(a, "/drift/runs/{run}/corrections", "list-corrections", "What became of the hosts that a run corrects", func(ctx context.Context, in *driftRunID) ([]record.Correction, error) {
		return s.Drift.Book.Corrections(ctx, in.Run)
	})
	handle(a, http.MethodPost, "/drift/runs/{run}/cancel", "cancel-drift", "End a run where it is", auth.Launch, func(ctx context.Context, in *reason, p auth.Principal) (struct{}, error) {
		return struct{}{}, s.Drift.Cancel(ctx, in.Run, p.Name, in.Body.Why)
	})
}

// StartDrift begins a run of a configured playbook.
func (c *Client) StartDrift(ctx context.Context, mode record.Mode, playbook, limit, why string) (info run.Info, err error) {
	body := map[string]string{"limit": limit, "why": why}
	return info, c.call(ctx, http.MethodPost, "/drift/playbooks/"+url.PathEscape(playbook)+"/"+string(mode), body, &info)
}

// AcceptDrift lets a difference stay, and returns its whole name.
func (c *Client) AcceptDrift(ctx context.Context, a Accept) (cause string, err error) {
	return cause, c.call(ctx, http.MethodPost, "/drift/accept", a, &cause)
}

// DriftAsks are corrections that wait for an approver.
func (c *Client) DriftAsks(ctx context.Context, playbook string) (all []record.Ask, err error) {
	return all, c.call(ctx, http.MethodGet, "/drift/asks?"+url.Values{"playbook": {playbook}}.Encode(), nil, &all)
}

// ApproveDrift agrees to a correction and begins it.
func (c *Client) ApproveDrift(ctx context.Context, id, why string) (info run.Info, err error) {
	return info, c.call(ctx, http.MethodPost, "/drift/asks/"+url.PathEscape(id)+"/approve", map[string]string{"why": why}, &info)
}

// RejectDrift leaves a difference as it is.
func (c *Client) RejectDrift(ctx context.Context, id, why string) error {
	return c.call(ctx, http.MethodPost, "/drift/asks/"+url.PathEscape(id)+"/reject", map[string]string{"why": why}, nil)
}

// Corrections are what became of the hosts that a run corrects.
func (c *Client) Corrections(ctx context.Context, id string) (all []record.Correction, err error) {
	return all, c.call(ctx, http.MethodGet, "/drift/runs/"+url.PathEscape(id)+"/corrections", nil, &all)
}

// CancelDrift ends a run where it is.
func (c *Client) CancelDrift(ctx context.Context, id, why string) error {
	return c.call(ctx, http.MethodPost, "/drift/runs/"+url.PathEscape(id)+"/cancel", map[string]string{"why": why}, nil)
}
