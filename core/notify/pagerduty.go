package notify

import (
	"cmp"
	"context"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "pagerduty",
		Help:    "raise and resolve incidents at PagerDuty",
		Example: "pagerduty: {key: {secret: pagerduty}}",
		New: func(decode func(any) error) (Channel, error) {
			p := &pagerduty{}
			return p, decode(p)
		},
	})
}

// pagerduty sends to the Events API v2 (https://developer.pagerduty.com/docs/events-api-v2). The events of one run are one incident. The end of
// a run that is only information resolves it; for that, the channel must want events of severity info.
type pagerduty struct {
	Key config.Secret `yaml:"key" help:"integration key of the service at PagerDuty" required:"true"`
	API string        `yaml:"api" help:"address of the Events API; https://events.eu.pagerduty.com for accounts in the EU" default:"https://events.pagerduty.com"`
}

// summaryMost is the length of a summary that PagerDuty takes.
const summaryMost = 1024

type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"`
}

type pagerPayload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  Severity       `json:"severity"`
	Timestamp time.Time      `json:"timestamp"`
	Component string         `json:"component,omitempty"`
	Class     string         `json:"class"`
	Details   map[string]any `json:"custom_details"`
}

func pagerEventOf(e Event, key string) pagerEvent {
	p := pagerEvent{RoutingKey: key, DedupKey: "goodstate/" + cmp.Or(e.Run, e.ID), Client: "goodstate", ClientURL: e.URL}
	severity := cmp.Or(e.Severity, Info)
	if e.Phase == End && severity == Info {
		p.Action = "resolve"
		return p
	}
	p.Action = "trigger"
	p.Payload = &pagerPayload{
		Summary: cut(oneLine(e.Title), summaryMost), Source: cmp.Or(e.Service, "goodstate"), Severity: severity, Timestamp: e.At.UTC(),
		Component: e.Service, Class: e.Type, Details: map[string]any{},
	}
	for name, value := range map[string]string{"text": e.Text, "run": e.Run, "release": e.Release} {
		if value != "" {
			p.Payload.Details[name] = value
		}
	}
	if e.Data != nil {
		p.Payload.Details["data"] = e.Data
	}
	return p
}

func (p *pagerduty) Deliver(ctx context.Context, n Notice) error {
	key, err := n.Secret(ctx, p.Key)
	if err != nil {
		return err
	}
	_, err = postJSON(ctx, n.client, strings.TrimSuffix(p.API, "/")+"/v2/enqueue", nil, pagerEventOf(n.Event, key))
	return err
}
