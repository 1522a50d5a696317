package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// dead is an instance that refuses connections.
func dead(t testing.TB, release string) traffic.Backend {
	t.Helper()
	addr := free(t)
	return traffic.Backend{Release: release, Instance: release + addr, URL: "http://" + addr}
}

func TestAnInstanceThatRefusesConnectionsCostsNoRequest(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, dead(t, "v1"), instanceOf(t, "v1", nil), dead(t, "v1"))
	apply(t, c, r)
	b := browser(t)
	for i := range 60 {
		method, body := http.MethodGet, io.Reader(nil)
		if i%2 == 0 {
			method, body = http.MethodPost, strings.NewReader("not sent before there is a connection")
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Listen, body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := b.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			t.Fatalf("%s answered %d", method, res.StatusCode)
		}
	}
	if s := totals(t, c, 60)["v1"]; s.Errors != 0 {
		t.Errorf("%d errors counted", s.Errors)
	}
}

func TestAnInstanceThatBreaksOffIsAskedAgainElsewhereOnlyForHarmlessRequests(t *testing.T) {
	c := inside(t, Options{})
	var cut atomic.Int64
	breaks := instanceOf(t, "v1", func(http.ResponseWriter, *http.Request) {
		cut.Add(1)
		panic(http.ErrAbortHandler)
	})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, breaks, instanceOf(t, "v1", nil))
	apply(t, c, r)
	b := browser(t)
	for cut.Load() < 3 {
		if status, body, _ := get(t, b, "http://"+r.Listen); status != 200 || body != "v1" {
			t.Fatalf("answer %d %q", status, body)
		}
	}
	cut.Store(0)
	failures := int64(0)
	for cut.Load() < 3 {
		res, err := b.Post("http://"+r.Listen, "text/plain", strings.NewReader("once only"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode == http.StatusBadGateway {
			failures++
			if string(body) != "Bad Gateway: the instance broke off without an answer\n" || res.Header.Get(releaseHeader) != "v1" {
				t.Errorf("answer %q, %v", body, res.Header)
			}
		}
	}
	if failures != cut.Load() {
		t.Errorf("%d failures for %d POSTs cut off", failures, cut.Load())
	}
}

func TestWhatFailsIsCountedByReasonAndSaysNothingOfTheInside(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, dead(t, "v1"))
	r.Slow = 100 * time.Millisecond
	apply(t, c, r)
	b := browser(t)
	ask := func(status int, want string) {
		t.Helper()
		got, body, h := get(t, b, "http://"+r.Listen)
		if got != status || body != want || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
			t.Errorf("answer %d %q %v, want %d %q", got, body, h, status, want)
		}
	}
	ask(502, "Bad Gateway: no instance accepted the connection\n")
	r.Backends = []traffic.Backend{instanceOf(t, "v1", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
	apply(t, c, r)
	ask(504, "Gateway Timeout: the instance did not begin its answer in time\n")
	r.Backends = nil
	apply(t, c, r)
	ask(503, "Service Unavailable: no instance is in service\n")
	sums := totals(t, c, 3)
	if s := sums["v1"]; s.Requests != 2 || s.Errors != 2 || s.Bursts != 1 {
		t.Errorf("v1: %+v", s)
	}
	if s := sums[""]; s.Requests != 1 || s.Errors != 1 {
		t.Errorf("nobody: %+v", s)
	}
}

func TestAnAnswerThatBreaksOffInTheMiddleIsAnErrorAndAClientThatGoesIsNot(t *testing.T) {
	c := inside(t, Options{})
	began := make(chan bool)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "the first half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		began <- true
		<-r.Context().Done()
	}))
	apply(t, c, r)
	b := browser(t)
	res, err := b.Get("http://" + r.Listen + "/cut")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looks whole")
	}
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Listen, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-began
		cancel()
	}()
	if res, err := b.Do(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("answer %d", res.StatusCode)
	}
	if s := totals(t, c, 2)["v1"]; s.Requests != 1 || s.Errors != 1 || s.Aborted != 1 {
		t.Errorf("counted %+v", s)
	}
}

func TestAClientThatFailsAgainAndAgainCountsOncePerBurst(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(500)
		}
	}))
	apply(t, c, r)
	b := browser(t)
	as := func(agent, path string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Listen+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", agent)
		res, err := b.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	for _, path := range []string{"/bad", "/bad", "/bad", "/", "/bad", "/bad"} {
		as("anna", path)
	}
	for _, path := range []string{"/bad", "/bad", "/"} {
		as("bert", path)
	}
	if s := totals(t, c, 9)["v1"]; s.Requests != 9 || s.Errors != 7 || s.Bursts != 3 {
		t.Errorf("counted %+v, want 9 requests, 7 errors, 3 bursts", s)
	}
}

func TestFailingClientsAreForgottenOldestFirst(t *testing.T) {
	var f failing
	for client := range uint64(3 * failingMost) {
		if got := f.outcome(client, true); got != failed {
			t.Fatalf("client %d: %v", client, got)
		}
	}
	if n := f.n.Load(); n > failingMost {
		t.Errorf("%d remembered, want at most %d", n, failingMost)
	}
	if got := f.outcome(3*failingMost-1, true); got != failedAgain {
		t.Errorf("the newest is forgotten: %v", got)
	}
	if got := f.outcome(0, true); got != failed {
		t.Errorf("the oldest is remembered: %v", got)
	}
	for client := range uint64(3 * failingMost) {
		f.outcome(client, false)
	}
	if n := f.n.Load(); n != 0 {
		t.Errorf("%d remembered after all recovered", n)
	}
}

// raw sends bytes and reads the answer.
func raw(t testing.TB, addr, text string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestForwardedHeadersAreOursUnlessAProxyThatWeTrustSentThem(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		_, _ = fmt.Fprintf(w, "%s|%s|%s|%s|%q|%q|%s|%s", h.Values("X-Forwarded-For"), h.Get("X-Forwarded-Host"), h.Get("X-Forwarded-Proto"),
			h.Get(releaseHeader), h.Values("X-Hop"), h.Values("Proxy-Authorization"), r.Host, r.URL)
	}
	const ask = "GET /p?a=1;b=2&c HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n" +
		"X-Goodstate-Release: v9\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nProxy-Authorization: x\r\n\r\n"
	for _, c := range []struct {
		trusted []netip.Prefix
		want    string
	}{
		{nil, `[1.2.3.4, 5.6.7.8, 127.0.0.1]|evil|https|v1|[]|[]|shop.example|/p?a=1;b=2&c`},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, `[127.0.0.1]|shop.example|http|v1|[]|[]|shop.example|/p?a=1;b=2&c`},
	} {
		cl := inside(t, Options{Trusted: c.trusted})
		r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", echo))
		apply(t, cl, r)
		if res, body := raw(t, r.Listen, ask); body != c.want || res.Header.Get(releaseHeader) != "v1" {
			t.Errorf("trusted %v: got\n%s, want\n%s", c.trusted, body, c.want)
		}
	}
}

func TestASlowHeaderIsCutOffAndABigOneRefused(t *testing.T) {
	c := inside(t, Options{ReadHeader: 200 * time.Millisecond})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil))
	apply(t, c, r)
	conn, err := net.Dial("tcp", r.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("cut off after %s: %v", time.Since(began), err)
	}
	res, _ := raw(t, r.Listen, "GET / HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("x", maxHeaderBytes+5000)+"\r\n\r\n")
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a big header is answered %d", res.StatusCode)
	}
	if res, body := raw(t, r.Listen, "GET / HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("x", maxHeaderBytes/2)+"\r\n\r\n"); res.StatusCode != 200 || body != "v1" {
		t.Errorf("one of half the size is answered %d %q", res.StatusCode, body)
	}
	if res, _ := raw(t, r.Listen, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("CONNECT is answered %d", res.StatusCode)
	}
}

func TestLatencyIsTheTimeToTheFirstByte(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		wait := time.NewTimer(50 * time.Millisecond)
		<-wait.C
		_ = http.NewResponseController(w).Flush()
		wait.Reset(500 * time.Millisecond)
		<-wait.C
	}))
	apply(t, c, r)
	get(t, browser(t), "http://"+r.Listen)
	b, ok := totals(t, c, 1)["v1"].Latency.Quantile(0.5)
	if took := traffic.BucketLimit(b); !ok || took < 50*time.Millisecond || took > 400*time.Millisecond {
		t.Errorf("latency %s", took)
	}
	for d := time.Duration(1); d < 25*time.Minute; d = d*5/4 + 1 {
		if got, want := bucketOf(d), traffic.BucketOf(d); got != want {
			t.Errorf("bucket of %s is %d, want %d", d, got, want)
		}
	}
}

func TestARouteThatCannotWorkIsRefused(t *testing.T) {
	ok := func() traffic.Route {
		return traffic.Route{
			Service: "web", Listen: "127.0.0.1:8080", Weights: map[string]int{"v1": traffic.Full},
			Backends: []traffic.Backend{{Release: "v1", Instance: "a", URL: "http://127.0.0.1:1"}},
		}
	}
	if err := check(ok()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*traffic.Route){
		"a service name":     func(r *traffic.Route) { r.Service = "" },
		`listen "x"`:         func(r *traffic.Route) { r.Listen = "x" },
		`listen "a:0"`:       func(r *traffic.Route) { r.Listen = "a:0" },
		`sticky "ip"`:        func(r *traffic.Route) { r.Sticky = "ip" },
		"add up to 9999":     func(r *traffic.Route) { r.Weights["v1"] = 9999 },
		"no backend":         func(r *traffic.Route) { r.Weights = map[string]int{"v2": traffic.Full} },
		"want 0 to":          func(r *traffic.Route) { r.Weights["v1"] = -1 },
		`url "ftp://a:1"`:    func(r *traffic.Route) { r.Backends[0].URL = "ftp://a:1" },
		`url "http://a:1/x"`: func(r *traffic.Route) { r.Backends[0].URL = "http://a:1/x" },
		`release "a b"`:      func(r *traffic.Route) { r.Backends[0].Release = "a b" },
		"slow -1s":           func(r *traffic.Route) { r.Slow = -time.Second },
	} {
		r := ok()
		change(&r)
		if err := check(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
