package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "webhook",
		Help:    "POST the event to a URL as a CloudEvent, signed as Standard Webhooks describes",
		Example: "webhook: {url: 'https://ops.example.org/goodstate', secret: {secret: webhook}}",
		New: func(decode func(any) error) (Channel, error) {
			w := &webhook{}
			return w, decode(w)
		},
	})
}

// webhook posts CloudEvents 1.0 in structured JSON mode. With secret, each request has the headers of Standard Webhooks: webhook-id, webhook-timestamp and
// webhook-signature.
type webhook struct {
	URL     config.Value            `yaml:"url" help:"where to" required:"true" example:"https://ops.example.org/goodstate"`
	Secret  config.Secret           `yaml:"secret" help:"key of the signature: whsec_ and base64, or any other text, which is then the key as it is; none means not signed"`
	Source  string                  `yaml:"source" help:"names this installation in the event" default:"goodstate"`
	Headers map[string]config.Value `yaml:"headers" help:"more headers, such as Authorization"`
}

func (w *webhook) Deliver(ctx context.Context, n Notice) error {
	to, err := n.Reveal(ctx, w.URL)
	if err != nil {
		return err
	}
	body, err := json.Marshal(cloudEventOf(n.Event, w.Source))
	if err != nil {
		return &Refusal{Err: fmt.Errorf("the event cannot be written as JSON: %w", err), Final: true}
	}
	header := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	for name, value := range w.Headers {
		text, err := n.Reveal(ctx, value)
		if err != nil {
			return err
		}
		header.Set(name, text)
	}
	if !w.Secret.IsZero() {
		secret, err := n.Secret(ctx, w.Secret)
		if err != nil {
			return err
		}
		key, err := signingKey(secret)
		if err != nil {
			return err
		}
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		header.Set("Webhook-Id", n.ID)
		header.Set("Webhook-Timestamp", stamp)
		header.Set("Webhook-Signature", Signature(key, n.ID, stamp, body))
	}
	_, err = post(ctx, n.client, to, header, body)
	return err
}

// signingKey reads the key as Standard Webhooks writes it, whsec_ and base64; any other text is the key as it is.
func signingKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("webhook: what follows whsec_ in the signing secret is not base64")
	}
	return key, nil
}

// Signature is the symmetric signature of the Standard Webhooks specification: v1, and HMAC-SHA256 over id.timestamp.body in base64.
func Signature(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// cloudEvent is the JSON format of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            Event     `json:"data"`
}

func cloudEventOf(e Event, source string) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: source, Type: "dev.goodstate." + e.Type, Subject: e.Service, Time: e.At.UTC(),
		DataContentType: "application/json", Data: e,
	}
}
