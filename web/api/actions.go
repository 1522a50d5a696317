package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/store"
)

type addedAction struct {
	Body struct {
		Run   string    `json:"run,omitempty"`
		Text  string    `json:"text" minLength:"1"`
		Owner string    `json:"owner" minLength:"1"`
		Due   time.Time `json:"due"`
	}
}

type doneAction struct {
	ID   string `path:"id"`
	Body struct {
		Note string `json:"note,omitempty"`
	}
}

type listedActions struct {
	Run string `query:"run"`
	All bool   `query:"all" doc:"also those that are done"`
}

func (s *server) actions(a huma.API) {
	get(a, "/actions", "list-actions", "What people have to do after incidents", func(ctx context.Context, in *listedActions) ([]store.Action, error) {
		all, err := s.Store.Actions(ctx, in.Run, !in.All)
		if all == nil {
			all = []store.Action{}
		}
		return all, err
	})
	handle(a, http.MethodPost, "/actions", "add-action", "Add something that has to be done", auth.Hold, func(ctx context.Context, in *addedAction, p auth.Principal) (store.Action, error) {
		return s.Rollouts.AddAction(ctx, store.Action{Run: in.Body.Run, Text: in.Body.Text, Owner: in.Body.Owner, Due: in.Body.Due, Who: p.Name})
	})
	handle(a, http.MethodPost, "/actions/{id}/done", "action-done", "Note that something is done", auth.Hold, func(ctx context.Context, in *doneAction, p auth.Principal) (struct{}, error) {
		return struct{}{}, s.Rollouts.DoneAction(ctx, in.ID, p.Name, in.Body.Note)
	})
}

// Actions lists what people have to do; all also what is done.
func (c *Client) Actions(ctx context.Context, run string, all bool) (out []store.Action, err error) {
	q := url.Values{"run": {run}, "all": {strconv.FormatBool(all)}}
	return out, c.call(ctx, http.MethodGet, "/actions?"+q.Encode(), nil, &out)
}

// AddAction adds something that has to be done.
func (c *Client) AddAction(ctx context.Context, run, text, owner string, due time.Time) (out store.Action, err error) {
	return out, c.call(ctx, http.MethodPost, "/actions", map[string]any{"run": run, "text": text, "owner": owner, "due": due}, &out)
}

// DoneAction notes that something is done.
func (c *Client) DoneAction(ctx context.Context, id, note string) error {
	return c.call(ctx, http.MethodPost, "/actions/"+url.PathEscape(id)+"/done", map[string]any{"note": note}, nil)
}
