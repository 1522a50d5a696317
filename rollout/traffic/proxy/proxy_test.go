package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"goodstate.dev/goodstate/rollout/traffic"
)

// TestMain makes the test binary a proxy, or a controller that starts one, when it is told so by its environment.
func TestMain(m *testing.M) {
	dir := os.Getenv("GOODSTATE_TEST_PROXY")
	switch os.Getenv("GOODSTATE_TEST_AS") {
	case "proxy":
		log := slog.New(slog.NewTextHandler(os.Stderr, nil))
		if err := Main(context.Background(), Options{Dir: dir, Logger: log, Grace: 5 * time.Second}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "stranger":
		fmt.Println(newClient(Options{Dir: dir}).Ping(context.Background()))
		os.Exit(0)
	case "controller":
		c, err := Ensure(context.Background(), Options{Dir: dir, Command: command(dir)})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		pid, err := c.PID(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(pid)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func command(dir string) []string {
	return []string{"/usr/bin/env", "GOODSTATE_TEST_AS=proxy", "GOODSTATE_TEST_PROXY=" + dir, os.Args[0]}
}

// shortDir is a folder whose name leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// process is a proxy of its own process, ended with the test.
func process(t testing.TB) (*Client, string) {
	t.Helper()
	dir := shortDir(t)
	c, err := Ensure(t.Context(), Options{Dir: dir, Command: command(dir)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, c) })
	return c, dir
}

func end(t testing.TB, c *Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// inside is a proxy in this process, so that the race detector sees it.
func inside(t testing.TB, opt Options) *Client {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = shortDir(t)
	}
	if opt.Grace == 0 {
		opt.Grace = 5 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Main(ctx, opt) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the proxy answers", func() bool {
		c := newClient(opt)
		defer func() { _ = c.Close() }()
		return c.Ping(t.Context()) == nil
	})
	c, err := Ensure(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-last:
			t.Fatalf("waited 15s for: %s", what)
		}
	}
}

// free is an address that nobody listens on.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// instanceOf is a real upstream of a release.
func instanceOf(t testing.TB, release string, h http.HandlerFunc) traffic.Backend {
	t.Helper()
	if h == nil {
		h = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, release) }
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return traffic.Backend{Release: release, Instance: release + srv.URL[strings.LastIndexByte(srv.URL, ':'):], URL: srv.URL}
}

func routeTo(t testing.TB, weights map[string]int, backends ...traffic.Backend) traffic.Route {
	t.Helper()
	return traffic.Route{Service: "web", Listen: free(t), Backends: backends, Weights: weights}
}

func apply(t testing.TB, c *Client, r traffic.Route) {
	t.Helper()
	if err := c.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// browser is a client with connections of its own.
func browser(t testing.TB) *http.Client {
	t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func get(t testing.TB, b *http.Client, url string) (int, string, http.Header) {
	t.Helper()
	res, err := b.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

// totals adds seconds up by release, once as many requests as wanted were counted.
func totals(t testing.TB, c *Client, want int64) map[string]traffic.Second {
	t.Helper()
	var sums map[string]traffic.Second
	eventually(t, fmt.Sprintf("%d requests are counted", want), func() bool {
		secs, err := c.Seconds(t.Context(), "web", time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		sums = make(map[string]traffic.Second)
		var n int64
		for _, s := range secs {
			sum := sums[s.Release]
			if sum.Latency == nil {
				sum.Latency = make(traffic.Histogram)
			}
			sum.Requests += s.Requests
			sum.Errors += s.Errors
			sum.Bursts += s.Bursts
			sum.Aborted += s.Aborted
			sum.Latency.Add(s.Latency)
			sums[s.Release] = sum
			n += s.Requests + s.Aborted
		}
		return n >= want
	})
	return sums
}

func kill(t testing.TB, c *Client, sig syscall.Signal) int {
	t.Helper()
	pid, err := c.PID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
	return pid
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
