package notify

import (
	"context"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "teams",
		Help:    "post a card to Microsoft Teams, through a webhook of Workflows",
		Example: "teams: {url: {secret: teams}}",
		New: func(decode func(any) error) (Channel, error) {
			t := &teams{}
			return t, decode(t)
		},
	})
}

// teams posts an Adaptive Card 1.4 (https://adaptivecards.io) to the trigger "when a Teams webhook request is received".
type teams struct {
	URL config.Value `yaml:"url" help:"address of the workflow" required:"true" example:"{secret: teams}"`
}

// teamsTextMost keeps a message below the 28 KB that Teams takes, in bytes.
const teamsTextMost = 8000

var cardColours = map[Severity]string{Info: "good", Warning: "warning", Critical: "attention"}

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

type card struct {
	Schema  string       `json:"$schema"`
	Type    string       `json:"type"`
	Version string       `json:"version"`
	Body    []cardPart   `json:"body"`
	Actions []cardAction `json:"actions,omitempty"`
}

type cardPart struct {
	Type   string     `json:"type"`
	Text   string     `json:"text,omitempty"`
	Size   string     `json:"size,omitempty"`
	Weight string     `json:"weight,omitempty"`
	Color  string     `json:"color,omitempty"`
	Wrap   bool       `json:"wrap,omitempty"`
	Facts  []cardFact `json:"facts,omitempty"`
}

type cardFact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

type cardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

func teamsMessageOf(e Event) teamsMessage {
	c := card{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4"}
	c.Body = append(c.Body, cardPart{Type: "TextBlock", Text: oneLine(e.Title), Size: "medium", Weight: "bolder", Color: cardColours[e.Severity], Wrap: true})
	if e.Text != "" {
		c.Body = append(c.Body, cardPart{Type: "TextBlock", Text: cut(e.Text, teamsTextMost), Wrap: true})
	}
	var facts []cardFact
	for _, f := range e.facts() {
		facts = append(facts, cardFact{f.name, f.value})
	}
	if len(facts) > 0 {
		c.Body = append(c.Body, cardPart{Type: "FactSet", Facts: facts})
	}
	if e.URL != "" {
		c.Actions = []cardAction{{"Action.OpenUrl", "Open", e.URL}}
	}
	return teamsMessage{Type: "message", Attachments: []teamsAttachment{{"application/vnd.microsoft.card.adaptive", c}}}
}

func (t *teams) Deliver(ctx context.Context, n Notice) error {
	to, err := n.Reveal(ctx, t.URL)
	if err != nil {
		return err
	}
	_, err = postJSON(ctx, n.client, to, nil, teamsMessageOf(n.Event))
	return err
}
