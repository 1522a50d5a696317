package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/rollout/feedback"
)

type listedFeedback struct {
	Service string `query:"service"`
	State   string `query:"state" enum:"open,answered,closed,"`
	Limit   int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
}

type oneFeedback struct {
	ID int64 `path:"id"`
}

type saidFeedback struct {
	ID   int64 `path:"id"`
	Body struct {
		State string `json:"state" enum:"open,answered,closed"`
		Text  string `json:"text,omitempty" doc:"the answer, which the authors find at the addresses of their reports"`
	}
}

// feedback offers what users have said.
func (s *server) feedback(a huma.API) {
	get(a, "/feedback", "feedback", "What users reported, equal reports together", func(ctx context.Context, in *listedFeedback) ([]feedback.Group, error) {
		if err := s.Rollouts.TakeFeedback(ctx); err != nil {
			return nil, err
		}
		out, err := s.Rollouts.Feedback.Groups(ctx, in.Service, in.State, in.Limit)
		if out == nil {
			out = []feedback.Group{}
		}
		return out, err
	})
	get(a, "/feedback/{id}", "feedback-group", "Reports that say the same", func(ctx context.Context, in *oneFeedback) (feedback.Group, error) {
		return s.Rollouts.Feedback.Group(ctx, in.ID)
	})
	handle(a, http.MethodPost, "/feedback/{id}", "feedback-say", "Answer or close reports", auth.Answer, func(ctx context.Context, in *saidFeedback, p auth.Principal) (feedback.Group, error) {
		return s.Rollouts.SayFeedback(ctx, in.ID, in.Body.State, in.Body.Text, p.Name)
	})
}

// Feedback lists what users reported, those with the newest reports first.
func (c *Client) Feedback(ctx context.Context, service, state string, limit int) (out []feedback.Group, err error) {
	q := url.Values{"service": {service}, "state": {state}, "limit": {strconv.Itoa(limit)}}
	return out, c.call(ctx, http.MethodGet, "/feedback?"+q.Encode(), nil, &out)
}

// FeedbackGroup is one group with its newest reports.
func (c *Client) FeedbackGroup(ctx context.Context, id int64) (out feedback.Group, err error) {
	return out, c.call(ctx, http.MethodGet, "/feedback/"+strconv.FormatInt(id, 10), nil, &out)
}

// FeedbackSay answers, closes or opens a group again.
func (c *Client) FeedbackSay(ctx context.Context, id int64, state, text string) (out feedback.Group, err error) {
	return out, c.call(ctx, http.MethodPost, "/feedback/"+strconv.FormatInt(id, 10), map[string]string{"state": state, "text": text}, &out)
}
