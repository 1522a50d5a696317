package check_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// shop answers as a service does.
func shop(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "database gone", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://shop.example/", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "who", Value: r.FormValue("user"), Path: "/"})
		_, _ = w.Write([]byte(`<a data-item="17">Tea</a>`))
	})
	mux.HandleFunc("/cart", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("who"); err != nil || c.Value != "ann" || r.URL.Query().Get("item") != "17" {
			http.Error(w, "who are you", http.StatusForbidden)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func spec(t *testing.T, yaml string) check.Spec {
	t.Helper()
	var root struct {
		Check check.Spec `yaml:"check"`
	}
	if err := config.Parse("test.yaml", []byte("check:\n  "+strings.ReplaceAll(yaml, "\n", "\n  ")+"\n"), &root); err != nil {
		t.Fatal(err)
	}
	return root.Check
}

func TestEveryExampleCanBeWrittenInAConfiguration(t *testing.T) {
	kinds := config.Kinds[check.Check]()
	if len(kinds) < 7 {
		t.Fatalf("only %d kinds are registered", len(kinds))
	}
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) {
			if s := spec(t, k.Example); s.Name() != k.Name || k.Help == "" {
				t.Fatalf("the example of %s gives %q, help %q", k.Name, s.Name(), k.Help)
			}
		})
	}
}

func TestWhatAChecksSaysOfItsTarget(t *testing.T) {
	server := shop(t)
	dir := t.TempDir()
	for _, c := range []struct {
		name, yaml string
		want       good.Verdict
		says       string
	}{
		{"a healthy service passes", "http: {url: /healthz}", good.Pass, "answered 200"},
		{"a service that is down fails", "http: {url: /down}", good.Fail, "answered 503"},
		{"a redirect is not the page", "http: {url: /moved}", good.Fail, "answered 301"},
		{"no answer in time fails", "http: {url: /never}\ntimeout: 100ms", good.Fail, "no answer within 100ms"},
		{"a refused connection fails", "http: {url: \"http://127.0.0.1:1/\"}", good.Fail, "refused"},
		{"an open port passes", "tcp: {}", good.Pass, "accepts connections"},
		{"a closed port fails", "tcp: {address: \"127.0.0.1:1\"}", good.Fail, "refused"},
		{"a plain web server has no gRPC health", "grpc: {}", good.Fail, "127.0.0.1"},
		{"exit code 0 passes", "command: {run: \"true\"}", good.Pass, "exit code 0"},
		{"another exit code fails", "command: {run: \"exit 3\"}", good.Fail, "exit code 3"},
		{"an exit code for unknown is unknown", "command: {run: \"exit 75\", unknown: [75]}", good.Unknown, "exit code 75"},
		{"a program that is not there is unknown", "command: {run: nosuchprogram}", good.Unknown, "exit code 127"},
		{"a database that answers passes", "sql: {driver: sqlite, dsn: \":memory:\", query: \"SELECT 40 + 2\", expect: \"42\"}", good.Pass, "42"},
		{"another answer fails", "sql: {driver: sqlite, dsn: \":memory:\", expect: \"2\"}", good.Fail, "1"},
		{"green tests pass", "test: {run: \"printf '1..2\\\\nok 1 a\\\\nok 2 b\\\\n'\", format: tap}", good.Pass, "2 tests passed"},
		{"a red test fails", "test: {run: \"printf '1..2\\\\nok 1 a\\\\nnot ok 2 b\\\\n'; exit 1\", format: tap}", good.Fail, "1 of 2 tests failed"},
		{"green tests with a bad exit code fail", "test: {run: \"printf '1..1\\\\nok 1 a\\\\n'; exit 2\", format: tap}", good.Fail, "exit code is 2"},
		{"no test at all is unknown", "test: {run: \"printf '1..0\\\\n'\", format: tap}", good.Unknown, "no tests ran"},
		{"a report that is not written is unknown", "test: {run: \"true\", format: junit, report: \"*.xml\"}", good.Unknown, "no report"},
		{"a user's walk passes", "journey:\n  steps:\n    - {url: /login, form: {user: ann}, capture: {item: 'data-item=\"(\\d+)\"'}}\n    - {url: \"/cart?item={item}\"}", good.Pass, "2 steps"},
		{"a walk stops where it goes wrong", "journey:\n  steps:\n    - {url: /login, form: {user: eve}}\n    - {url: \"/cart?item=17\"}", good.Fail, "step 2 of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := spec(t, c.yaml).Run(t.Context(), "it", check.Target{Service: "shop", Release: "v1", BaseURL: server.URL, Dir: dir})
			if f.Verdict != c.want || !strings.Contains(f.Observed, c.says) {
				t.Fatalf("got %s, want %s with %q", f, c.want, c.says)
			}
			if f.Check != "it" || f.Release != "v1" || f.At.IsZero() || f.Verdict != good.Pass && f.Wanted == "" {
				t.Fatalf("the finding is not whole: %+v", f)
			}
		})
	}
}

func TestALookThatIsInterruptedSaysNothing(t *testing.T) {
	server := shop(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	f := spec(t, "http: {url: /never}").Run(ctx, "it", check.Target{BaseURL: server.URL})
	if f.Verdict != good.Unknown {
		t.Fatalf("got %s, want unknown", f)
	}
}

func TestACommandThatIsLateLeavesNoOrphan(t *testing.T) {
	dir := t.TempDir()
	f := spec(t, "command: {run: \"sleep 600 & echo $! > pid; wait\"}\ntimeout: 300ms").Run(t.Context(), "it", check.Target{Dir: dir})
	if f.Verdict != good.Fail || !strings.Contains(f.Observed, "300ms") {
		t.Fatalf("got %s", f)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	for _, c := range strings.TrimSpace(string(text)) {
		pid = pid*10 + int(c-'0')
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !gone(pid); <-tick.C {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("process %d still lives", pid)
		}
	}
}

// gone is true when the process has ended, also when nobody has waited for it yet.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestHealthIsAwaitedUntilItIsThere(t *testing.T) {
	looks := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if looks++; looks < 4 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	up := func() (bool, string) { return true, "" }
	s := spec(t, "http: {url: /}\nevery: 100ms\nsuccesses: 2")
	if f := check.UntilHealthy(t.Context(), s, "health", check.Target{BaseURL: server.URL}, 10*time.Second, up); f.Verdict != good.Pass || looks != 5 {
		t.Fatalf("after %d looks: %s", looks, f)
	}
	looks = -1000
	f := check.UntilHealthy(t.Context(), s, "health", check.Target{BaseURL: server.URL}, 300*time.Millisecond, up)
	if f.Verdict != good.Fail || !strings.Contains(f.Observed, "answered 503") || !strings.Contains(f.Observed, "times in 300ms") {
		t.Fatalf("never healthy: %s", f)
	}
	f = check.UntilHealthy(t.Context(), s, "health", check.Target{BaseURL: server.URL}, time.Minute, func() (bool, string) { return false, "exit code 3" })
	if f.Verdict != good.Fail || !strings.Contains(f.Observed, "exit code 3") {
		t.Fatalf("an instance that ended: %s", f)
	}
}
