package notify_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/store"
)

// post is what a receiver got.
type post struct {
	id, signed string
	body       []byte
	stamp      string
}

// receiver says no until it is told to be kind.
type receiver struct {
	mu   sync.Mutex
	kind bool
	got  []post
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.kind {
		http.Error(w, "come back later", http.StatusServiceUnavailable)
		return
	}
	r.got = append(r.got, post{q.Header.Get("Webhook-Id"), q.Header.Get("Webhook-Signature"), body, q.Header.Get("Webhook-Timestamp")})
}

func TestANoticeArrivesOnceSignedAndAfterTheReceiverComesBack(t *testing.T) {
	r := &receiver{}
	server := httptest.NewServer(r)
	defer server.Close()
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	to, err := config.Choose[notify.Channel]("webhook", map[string]any{"url": server.URL, "secret": map[string]string{"secret": "key"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := notify.New(notify.Options{
		DB: s.DB(), Log: slog.New(slog.DiscardHandler), Redact: func(text string) string { return text },
		Rules:   []notify.Rule{{Name: "team", To: to, On: []string{"rolled_back"}, Least: "warning"}},
		Secrets: func(context.Context, string) (string, error) { return "hush hush", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := notify.Event{ID: "run-1/back", Type: "rollout.rolled_back", Severity: notify.Critical, Service: "shop", Title: "shop is back on v1", At: time.Now()}
	for _, event := range []notify.Event{e, e, {ID: "other", Type: "rollout.started", Severity: notify.Critical}, {ID: "mild", Type: "rollout.rolled_back", Severity: notify.Info}} {
		if err := n.Send(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.kind = true
	r.mu.Unlock()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		r.mu.Lock()
		arrived := len(r.got)
		r.mu.Unlock()
		if arrived > 0 || ctx.Err() != nil {
			tick.Stop()
			break
		}
	}
	stop()
	<-done
	if len(r.got) != 1 {
		t.Fatalf("%d notices arrived, want 1", len(r.got))
	}
	got := r.got[0]
	if want := notify.Signature([]byte("hush hush"), "run-1/back", got.stamp, got.body); got.signed != want || got.id != "run-1/back" {
		t.Fatalf("signature %s of %s, want %s", got.signed, got.id, want)
	}
	var event struct {
		Type string `json:"type"`
		Data notify.Event
	}
	if err := json.Unmarshal(got.body, &event); err != nil || event.Type != "dev.goodstate.rollout.rolled_back" || event.Data.Title != e.Title {
		t.Fatalf("event %+v, %v", event, err)
	}
}
