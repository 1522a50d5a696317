package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// slackThread is where a run's first message is.
type slackThread struct {
	Channel string `json:"channel"` // its id, which chat.update wants
	TS      string `json:"ts"`
}

// bot writes as a bot: the first notice of a run is a message of its own, later ones are written under it, and the first one is edited so that it shows how the
// run stands: https://docs.slack.dev/reference/methods/chat.postMessage, .../chat.update
func (s *slack) bot(ctx context.Context, n Notice, message slackMessage) error {
	token, err := n.Secret(ctx, s.Token)
	if err != nil {
		return err
	}
	kept, err := n.Thread(ctx)
	if err != nil {
		return err
	}
	var first slackThread
	if kept != "" && json.Unmarshal([]byte(kept), &first) == nil && first.TS != "" {
		edited := message
		edited.Channel, edited.TS = first.Channel, first.TS
		gone, err := s.call(ctx, n, token, "chat.update", edited, nil) // before the new line: who tries again edits the same way
		if err != nil {
			return err
		}
		if !gone {
			message.Channel, message.Thread = first.Channel, first.TS
		}
		_, err = s.call(ctx, n, token, "chat.postMessage", message, nil)
		return err
	}
	var posted slackThread
	if _, err := s.call(ctx, n, token, "chat.postMessage", message, &posted); err != nil || posted.TS == "" {
		return err
	}
	text, err := json.Marshal(posted)
	if err != nil {
		return err
	}
	return n.KeepThread(ctx, string(text))
}

// call calls a method of the Web API; gone says that the message it is about is not there any more.
func (s *slack) call(ctx context.Context, n Notice, token, method string, message slackMessage, into any) (gone bool, err error) {
	answer, err := postJSON(ctx, n.client, strings.TrimSuffix(s.API, "/")+"/"+method, http.Header{"Authorization": {"Bearer " + token}}, message)
	if err != nil {
		return false, err
	}
	code, err := slackAnswer(method, answer)
	switch code {
	case "message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found":
		return true, nil
	}
	if err == nil && into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			return false, fmt.Errorf("slack %s: the answer is not understood: %w", method, err)
		}
	}
	return false, err
}
