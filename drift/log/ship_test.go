package log

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/audit"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/internal/real"
)

// cluster answers bulk requests as Elasticsearch does, over TLS.
type cluster struct {
	*httptest.Server
	mu     sync.Mutex
	down   bool
	seqs   []int64 // in the order in which they were taken
	twice  int     // documents that came again and were refused as there already
	ids    map[string]bool
	last   map[string]any
	secret string
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{ids: map[string]bool{}}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(c.bulk))
	t.Cleanup(c.Close)
	return c
}

// ca is a file with the certificate of the cluster.
func (c *cluster) ca(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *cluster) bulk(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil || c.down || r.URL.Path != "/_bulk" || r.Header.Get("Content-Type") != "application/x-ndjson" {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	c.secret = r.Header.Get("Authorization")
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	var items []string
	bad := false
	for i := 0; i+1 < len(lines); i += 2 {
		var action struct {
			Create struct {
				ID string `json:"_id"`
			}
		}
		var doc map[string]any
		if errors.Join(json.Unmarshal(lines[i], &action), json.Unmarshal(lines[i+1], &doc)) != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		status := http.StatusCreated
		if c.ids[action.Create.ID] {
			status, bad = http.StatusConflict, true
			c.twice++
		} else {
			c.ids[action.Create.ID] = true
			seq, _ := doc["goodstate"].(map[string]any)["seq"].(float64)
			c.seqs = append(c.seqs, int64(seq))
			c.last = doc
		}
		items = append(items, `{"create":{"status":`+strconv.Itoa(status)+`}}`)
	}
	_, _ = io.WriteString(w, `{"errors":`+strconv.FormatBool(bad)+`,"items":[`+strings.Join(items, ",")+`]}`)
}

func (c *cluster) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

func (c *cluster) got() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int64(nil), c.seqs...)
}

// shipper hands the log of a yard on, as one process does.
func (y *yard) shipper(kind string, behind int64, settings map[string]any) (x *audit.Exporter, stop func()) {
	y.t.Helper()
	to, err := config.Choose[audit.Sink](kind, settings)
	if err != nil {
		y.t.Fatal(err)
	}
	x, err = audit.New(audit.Options{
		DB: y.s.DB(), Journal: journal.New(y.s), Rules: []audit.Rule{{Name: "search", To: to}}, Other: y.log.Shipping(Config{Behind: behind}, nil),
		Secrets: func(context.Context, string) (string, error) { return "ApiKey s3cret", nil },
	})
	if err != nil {
		y.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); x.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := x.Close(); err != nil {
			y.t.Error(err)
		}
	})
	y.t.Cleanup(stop)
	return x, stop
}

func (y *yard) state(x *audit.Exporter) audit.State {
	y.t.Helper()
	all, err := x.Status(y.t.Context())
	if err != nil || len(all) != 1 {
		y.t.Fatalf("%+v %v", all, err)
	}
	return all[0]
}

func (y *yard) ready(x *audit.Exporter) {
	y.t.Helper()
	real.Eventually(y.t, time.Minute, "the sink has everything", func() bool {
		var n int
		err := y.s.DB().QueryRowContext(y.t.Context(), `SELECT COUNT(*) FROM audit_cursors WHERE sink = 'drift/search'`).Scan(&n)
		return err == nil && n == 1 && y.state(x).Behind == 0
	})
}

func TestResultsArriveInOrderOnceAlsoOverARestartAndAfterAnHourOfSilence(t *testing.T) {
	y, c := newYard(t), newCluster(t)
	settings := map[string]any{"url": c.URL, "ca": c.ca(t), "headers": map[string]any{"Authorization": map[string]any{"secret": "elastic"}}}
	y.add("before", "was there before the sink", "ok", "")
	x, stop := y.shipper("elasticsearch", 1_000_000, settings)
	y.ready(x)
	y.add("web1", "restart nginx", "failed", "permission denied")
	y.many(2500)
	y.ready(x)
	c.mu.Lock()
	secret := c.secret
	c.mu.Unlock()
	if got := c.got(); len(got) != 2501 || got[0] != 2 || secret != "ApiKey s3cret" {
		t.Fatalf("%d results beginning with %v as %q, want those that came after the sink", len(got), got[:1], secret)
	}

	c.set(true) // the sink is away, for an hour by its cursor
	y.many(1500)
	real.Eventually(t, time.Minute, "the failure is known", func() bool { return y.state(x).Error != "" })
	stop()
	y.do(`UPDATE audit_cursors SET failed = failed - 3600000 WHERE sink = 'drift/search'`)
	y.many(500)
	x, stop = y.shipper("elasticsearch", 1_000_000, settings)
	real.Eventually(t, time.Minute, "people are told", func() bool {
		said, err := journal.New(y.s).List(t.Context(), journal.Filter{Event: "drift-log-behind"})
		return err == nil && len(said) == 1 && strings.Contains(said[0].Text, "the log of results to search fails since")
	})
	if s := y.state(x); s.Behind != 2000 || !strings.Contains(s.Trouble(time.Now()), "log of results to search is 2000 entries behind") {
		t.Errorf("%+v: %q", s, s.Trouble(time.Now()))
	}
	stop()
	c.set(false)
	x, stop = y.shipper("elasticsearch", 1_000_000, settings)
	y.ready(x)
	stop()
	got := c.got()
	for i, seq := range got {
		if seq != int64(i)+2 {
			t.Fatalf("result %d came at place %d", seq, i)
		}
	}
	if len(got) != 4501 || c.twice != 0 {
		t.Errorf("%d results and %d twice, want 4501 once each", len(got), c.twice)
	}

	// An answer that was lost: the same is sent again, and is there once.
	y.do(`UPDATE audit_cursors SET seq = seq - 100 WHERE sink = 'drift/search'`)
	x, _ = y.shipper("elasticsearch", 1_000_000, settings)
	y.ready(x)
	if got := c.got(); len(got) != 4501 || c.twice != 100 {
		t.Errorf("%d results, %d of them refused as there already; want 4501 and 100", len(got), c.twice)
	}
}

func TestASinkThatNeverComesBackLosesTheOldestAndThatIsCountedAndSaid(t *testing.T) {
	y, c := newYard(t), newCluster(t)
	c.set(true)
	settings := map[string]any{"url": c.URL, "ca": c.ca(t)}
	x, stop := y.shipper("elasticsearch", 1000, settings)
	y.ready(x)
	stop()
	y.many(5000)
	if _, err := y.log.Prune(t.Context(), time.UnixMilli(at(500))); err != nil {
		t.Fatal(err)
	}
	if s := y.state(x); s.Dropped != 500 {
		t.Errorf("%+v, want the 500 that were too old", s)
	}
	_, stop = y.shipper("elasticsearch", 1000, settings)
	real.Eventually(t, time.Minute, "the loss is said", func() bool {
		said, err := journal.New(y.s).List(t.Context(), journal.Filter{Event: "drift-log-dropped"})
		return err == nil && len(said) == 1 && strings.Contains(said[0].Text, "more than 1000 entries behind")
	})
	stop()
	c.set(false)
	x, _ = y.shipper("elasticsearch", 1000, settings)
	y.ready(x)
	got := c.got()
	if len(got) != 1000 || got[0] != 4001 || y.state(x).Dropped != 4000 {
		t.Errorf("%d results beginning with %d, dropped %d; want the newest 1000, and 4000 dropped", len(got), got[0], y.state(x).Dropped)
	}
}

func TestAClusterWhoseCertificateNobodyKnowsGetsNothing(t *testing.T) {
	y, c := newYard(t), newCluster(t)
	x, _ := y.shipper("elasticsearch", 1000, map[string]any{"url": c.URL})
	y.ready(x)
	y.add("web1", "secret things", "ok", "")
	real.Eventually(t, time.Minute, "the certificate is refused", func() bool { return strings.Contains(y.state(x).Error, "certificate") })
	if got := c.got(); len(got) != 0 {
		t.Errorf("%v were sent", got)
	}
}

func TestResultsHaveTheirPartsAsFieldsOfTheirOwn(t *testing.T) {
	y, c := newYard(t), newCluster(t)
	path := filepath.Join(t.TempDir(), "results.jsonl")
	x, stop := y.shipper("file", 1000, map[string]any{"path": path})
	y.ready(x)
	y.add("web1", "restart nginx", "failed", "permission denied")
	y.ready(x)
	stop()
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil || e.Host != "web1" || e.Task != "restart nginx" || e.Status != "failed" || e.Playbook != "site.yml" || e.Text != "permission denied" {
		t.Errorf("%s %v", line, err)
	}
	y.shipper("elasticsearch", 1000, map[string]any{"url": c.URL, "ca": c.ca(t)})
	y.do(`UPDATE audit_cursors SET seq = 0`)
	real.Eventually(t, time.Minute, "it arrives", func() bool { return len(c.got()) == 1 })
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := json.Marshal(c.last)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"host":{"name":"web1"}`, `"level":"error"`, `"dataset":"goodstate.drift"`, `"status":"failed"`, `"module":"service"`, `"@timestamp":"2026-03-04T06:00:00Z"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}
