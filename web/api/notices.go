package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
)

// Notices are the channels on which people are told.
type Notices interface {
	Channels() []string
	Status(ctx context.Context) ([]notify.Undelivered, error)
	Test(ctx context.Context, channel string) error
}

// NoticeStatus is which channels there are and what did not arrive.
type NoticeStatus struct {
	Channels    []string             `json:"channels"`
	Undelivered []notify.Undelivered `json:"undelivered"`
}

type testedChannel struct {
	Channel string `path:"channel"`
}

func (s *server) notices(a huma.API) {
	get(a, "/notices", "notices", "The channels on which people are told, and what did not arrive", func(ctx context.Context, _ *struct{}) (NoticeStatus, error) {
		left, err := s.Notices.Status(ctx)
		if left == nil {
			left = []notify.Undelivered{}
		}
		return NoticeStatus{append([]string{}, s.Notices.Channels()...), left}, err
	})
	handle(a, http.MethodPost, "/notices/{channel}/test", "test-channel", "Send a notice of its own to a channel, at once", auth.Hold, func(ctx context.Context, in *testedChannel, p auth.Principal) (struct{}, error) {
		if err := s.Notices.Test(ctx, in.Channel); err != nil {
			return struct{}{}, err
		}
		_, err := s.Journal.Append(ctx, journal.Entry{Event: "notify-tested", Actor: p.Name, Text: "a test arrived on the channel " + in.Channel})
		return struct{}{}, err
	})
}

// Notices tells which channels there are and what did not arrive.
func (c *Client) Notices(ctx context.Context) (out NoticeStatus, err error) {
	return out, c.call(ctx, http.MethodGet, "/notices", nil, &out)
}

// TestChannel sends a notice of its own to a channel, at once.
func (c *Client) TestChannel(ctx context.Context, channel string) error {
	return c.call(ctx, http.MethodPost, "/notices/"+url.PathEscape(channel)+"/test", nil, nil)
}
