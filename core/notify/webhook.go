package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "webhook",
		Help:    "POST the event as a CloudEvent (1.0, JSON), signed as Standard Webhooks say",
		Example: "webhook: {url: https://example.org/hook, secret: {secret: hook}}",
		New: func(decode func(any) error) (Channel, error) {
			w := &webhook{}
			return w, decode(w)
		},
	})
}

type webhook struct {
	URL    config.Value  `yaml:"url" required:"true" help:"where to; with a token in it, {secret: name}"`
	Secret config.Secret `yaml:"secret" help:"key of the signature"`
}

// Deliver posts the event. The receiver can tell a repetition by its id.
func (w *webhook) Deliver(ctx context.Context, e Event, get func(context.Context, string) (string, error)) error {
	address, err := resolve(ctx, w.URL, get)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": e.ID, "type": "dev.goodstate." + e.Type, "source": "goodstate/" + e.Service,
		"subject": e.Run, "time": e.At.UTC().Format(time.RFC3339Nano), "datacontenttype": "application/json", "data": e,
	})
	if err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's url is not one")
	}
	req.Header.Set("Content-Type", "application/cloudevents+json")
	if !w.Secret.IsZero() {
		key, err := get(ctx, w.Secret.Name())
		if err != nil {
			return err
		}
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		req.Header.Set("Webhook-Id", e.ID)
		req.Header.Set("Webhook-Timestamp", stamp)
		req.Header.Set("Webhook-Signature", Signature([]byte(key), e.ID, stamp, body))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("webhook answered %d: %s", res.StatusCode, bytes.TrimSpace(answer))
	}
	return nil
}

// Signature is the signature of Standard Webhooks, version 1: HMAC-SHA256 over id, timestamp and body.
func Signature(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func resolve(ctx context.Context, v config.Value, get func(context.Context, string) (string, error)) (string, error) {
	if s, ok := v.Secret(); ok {
		return get(ctx, s.Name())
	}
	text, _ := v.Plain()
	return text, nil
}
