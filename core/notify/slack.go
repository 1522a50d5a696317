package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "slack",
		Help:    "post to Slack, through an incoming webhook or as a bot",
		Example: "slack: {url: {secret: slack}}",
		New: func(decode func(any) error) (Channel, error) {
			s := &slack{}
			return s, decode(s)
		},
	})
}

// slack posts to an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) or calls chat.postMessage.
type slack struct {
	URL     config.Value  `yaml:"url" help:"address of the incoming webhook" example:"{secret: slack}"`
	Token   config.Secret `yaml:"token" help:"token of a bot (xoxb-...), instead of url"`
	Channel string        `yaml:"channel" help:"channel that the bot writes to, by name or id" example:"#ops"`
	API     string        `yaml:"api" help:"address of Slack's Web API" default:"https://slack.com/api"`
}

// Validate wants one of the two ways.
func (s *slack) Validate() error {
	switch bot := !s.Token.IsZero() || s.Channel != ""; {
	case bot && !s.URL.IsZero():
		return errors.New("slack takes either url, or token and channel, not both")
	case bot && (s.Token.IsZero() || s.Channel == ""):
		return errors.New("a bot needs both token and channel")
	case !bot && s.URL.IsZero():
		return errors.New("where to? set url (an incoming webhook), or token and channel (a bot)")
	}
	return nil
}

// Lengths that Slack takes, in characters; we count bytes, which is never more.
const (
	slackTitleMost = 250
	slackTextMost  = 2900
)

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

var colours = map[Severity]string{Info: "#2e7d32", Warning: "#ef6c00", Critical: "#c62828"}

type slackMessage struct {
	Channel     string            `json:"channel,omitempty"`
	TS          string            `json:"ts,omitempty"`        // of the message to edit
	Thread      string            `json:"thread_ts,omitempty"` // of the message to write under
	Text        string            `json:"text"`
	UnfurlLinks bool              `json:"unfurl_links"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Color    string       `json:"color,omitempty"`
	Fallback string       `json:"fallback"`
	Text     string       `json:"text,omitempty"`
	Fields   []slackField `json:"fields,omitempty"`
	Markdown []string     `json:"mrkdwn_in"`
}

type slackField struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

func slackMessageOf(e Event, channel string) slackMessage {
	title := slackEscape.Replace(cut(oneLine(e.Title), slackTitleMost))
	if e.URL != "" {
		title = "<" + slackEscape.Replace(oneLine(e.URL)) + "|" + title + ">"
	}
	a := slackAttachment{Color: colours[e.Severity], Fallback: cut(oneLine(e.Title), slackTitleMost), Text: slackEscape.Replace(cut(e.Text, slackTextMost)), Markdown: []string{}}
	for _, f := range e.facts() {
		a.Fields = append(a.Fields, slackField{Title: f.name, Value: slackEscape.Replace(f.value), Short: true})
	}
	return slackMessage{Channel: channel, Text: title, Attachments: []slackAttachment{a}}
}

func (s *slack) Deliver(ctx context.Context, n Notice) error {
	message := slackMessageOf(n.Event, s.Channel)
	if s.Token.IsZero() {
		to, err := n.Reveal(ctx, s.URL)
		if err != nil {
			return err
		}
		_, err = postJSON(ctx, n.client, to, nil, message)
		return err
	}
	return s.bot(ctx, n, message)
}

// slackAnswer reads what the Web API says with status 200: it tells errors in the body, by a code.
func slackAnswer(method string, answer []byte) (code string, err error) {
	var said struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return "", fmt.Errorf("slack %s: the answer is not JSON: %s", method, cut(oneLine(string(answer)), excerptMost))
	}
	if said.OK {
		return "", nil
	}
	err = fmt.Errorf("slack %s: %s", method, said.Error)
	switch said.Error {
	case "msg_too_long", "no_text", "invalid_blocks", "invalid_arguments", "too_many_attachments":
		return said.Error, &Refusal{Err: err, Final: true}
	}
	return said.Error, err
}
