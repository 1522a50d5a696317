package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("NOTIFY_TEST_DIR"); dir != "" {
		sendAndRun(dir, os.Getenv("NOTIFY_TEST_URL"))
		return
	}
	goleak.VerifyTestMain(m)
}

// secrets of all tests.
var secrets = map[string]string{
	"key": "hush hush hush", "whsec": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "token": "xoxb-12345-secret", "smtp": "very secret password",
}

func secretOf(_ context.Context, name string) (string, error) {
	value, ok := secrets[name]
	if !ok {
		return "", fmt.Errorf("secret %s is not known", name)
	}
	return value, nil
}

func openDB(t *testing.T, dir string) *sql.DB {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.DB()
}

// rule builds a rule as the file would say it.
func rule(t *testing.T, name, kind string, settings map[string]any) Rule {
	t.Helper()
	to, err := config.Choose[Channel](kind, settings)
	if err != nil {
		t.Fatal(err)
	}
	return Rule{Name: name, To: to}
}

// hurried returns a notifier whose seconds of waiting are milliseconds.
func hurried(t *testing.T, db *sql.DB, rules ...Rule) *Notifier {
	t.Helper()
	n, err := New(Options{DB: db, Rules: rules, Secrets: secretOf})
	if err != nil {
		t.Fatal(err)
	}
	n.pace = time.Millisecond
	return n
}

// deliverNow hands an event to a single channel, past the queue.
func deliverNow(t *testing.T, kind string, settings map[string]any, e Event) error {
	t.Helper()
	n := hurried(t, nil, rule(t, "", kind, settings))
	defer n.client.CloseIdleConnections()
	_, err := n.deliver(t.Context(), n.lanes[0], e, e.ID+"/key")
	return err
}

// running runs a notifier until the end of the test or until stop is called.
func running(t *testing.T, n *Notifier) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits for something to come true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

// received is one request that a receiver got.
type received struct {
	path   string
	header http.Header
	body   []byte
}

// receiver is an HTTP server that keeps what it got and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, attempt int)
}

func receive(t *testing.T, answer func(w http.ResponseWriter, attempt int)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.got = append(r.got, received{q.URL.RequestURI(), q.Header, body})
	attempt := len(r.got)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, attempt)
	}
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func (r *receiver) only(t *testing.T) received {
	t.Helper()
	all := r.all()
	if len(all) != 1 {
		t.Fatalf("%d requests came, want 1", len(all))
	}
	return all[0]
}

// rolledBack is an event as a rollout sends it.
func rolledBack(id string) Event {
	return Event{
		ID: id, Type: "rollout.rolled_back", Severity: Critical, Service: "shop", Run: "run-1", Release: "v2",
		Title: "shop: v2 <rolled back> & held", Text: "errors 24.8 %, want at most 2 %\nfound after 4 s", URL: "https://goodstate.example/rollouts/run-1",
		At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Data: map[string]any{"failed_requests": 12},
	}
}

func send(t *testing.T, n *Notifier, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := n.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func status(t *testing.T, n *Notifier) []Undelivered {
	t.Helper()
	all, err := n.Status(t.Context())
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return all
}
