package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// bare is an instance that is a program on bare connections.
func bare(t testing.TB, release string, each func(c net.Conn, in *bufio.Reader)) traffic.Backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = c.Close() }()
				each(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	addr := l.Addr().String()
	return traffic.Backend{Release: release, Instance: release + addr, URL: "http://" + addr}
}

// answers reads one request after the other and answers each with the same text.
func answers(text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

func TestAConnectionThatTheInstanceClosedWhileItWasKeptCostsNoRequest(t *testing.T) {
	c := inside(t, Options{})
	var served atomic.Int64
	r := routeTo(t, map[string]int{"v1": traffic.Full}, bare(t, "v1", func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			served.Add(1)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // and closes without having said so
		}
	}))
	apply(t, c, r)
	b := browser(t)
	for i := range 30 {
		method := []string{"GET", "DELETE", "POST"}[i%3]
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Listen, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := b.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != 200 || string(body) != "ok" {
			t.Fatalf("%s %d: answer %d %q %v", method, i, res.StatusCode, body, err)
		}
	}
	if served.Load() != 30 {
		t.Errorf("the instance saw %d requests, want 30", served.Load())
	}
}

func TestConnectionsToInstancesAreUsedAgain(t *testing.T) {
	c := inside(t, Options{})
	var conns atomic.Int64
	ok := answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-End: yes\r\n\r\n")
	r := routeTo(t, map[string]int{"v1": traffic.Full}, bare(t, "v1", func(c net.Conn, in *bufio.Reader) {
		conns.Add(1)
		ok(c, in)
	}))
	apply(t, c, r)
	b := browser(t)
	for range 50 {
		if status, body, _ := get(t, b, "http://"+r.Listen); status != 200 || body != "ok" {
			t.Fatalf("answer %d %q", status, body)
		}
		res, err := b.Head("http://" + r.Listen + "/nothing")
		if err == nil {
			_ = res.Body.Close()
		}
	}
	if n := conns.Load(); n > 60 { // HEAD is answered with a body here, which spoils its connection, as it should
		t.Errorf("%d connections for 50 requests in a row", n)
	}
}

func TestAnInstanceThatAnswersNonsenseIsABadGateway(t *testing.T) {
	c := inside(t, Options{})
	for _, text := range []string{
		"hello\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nX-Big: " + strings.Repeat("x", maxHeadSize) + "\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 ...",
	} {
		r := routeTo(t, map[string]int{"v1": traffic.Full}, bare(t, "v1", func(c net.Conn, in *bufio.Reader) {
			if _, err := http.ReadRequest(in); err == nil {
				_, _ = io.WriteString(c, text)
			}
		}))
		apply(t, c, r)
		if status, body, _ := get(t, browser(t), "http://"+r.Listen); status != 502 || !strings.HasPrefix(body, "Bad Gateway: ") {
			t.Errorf("%.40q: answer %d %.80q", text, status, body)
		}
	}
}

func TestAnAnswerWithoutLengthEndsWithItsConnection(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, bare(t, "v1", func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n"+strings.Repeat("all of it", 10_000))
		}
	}))
	apply(t, c, r)
	status, body, h := get(t, browser(t), "http://"+r.Listen)
	if status != 200 || len(body) != 90_000 || h.Get("X-Hop") != "" || h.Get("Keep-Alive") != "" {
		t.Errorf("answer %d with %d bytes, %v", status, len(body), h)
	}
}

func TestAClientThatGoesEndsTheRequestAtTheInstance(t *testing.T) {
	c := inside(t, Options{})
	began, ended := make(chan bool), make(chan bool)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_ = http.NewResponseController(w).Flush()
		}
		began <- true
		<-r.Context().Done()
		ended <- true
	}))
	apply(t, c, r)
	for _, path := range []string{"/head", "/body"} {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Listen+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		var asked sync.WaitGroup
		asked.Go(func() {
			res, err := browser(t).Do(req)
			if err == nil {
				_, _ = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
		})
		<-began
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the instance still works for a client that has gone", path)
		}
		asked.Wait()
	}
	if s := totals(t, c, 2)["v1"]; s.Aborted != 2 {
		t.Errorf("counted %+v", s)
	}
}

func TestASlowAnswerMayGoOnOnceItHasBegun(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = http.NewResponseController(w).Flush()
		<-time.After(300 * time.Millisecond)
		_, _ = io.WriteString(w, "late")
	}))
	r.Slow = 100 * time.Millisecond
	apply(t, c, r)
	b := browser(t)
	if status, body, _ := get(t, b, "http://"+r.Listen); status != 200 || body != "late" {
		t.Errorf("GET: answer %d %q", status, body)
	}
	res, err := b.Post("http://"+r.Listen, "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || string(body) != "late" {
		t.Errorf("POST: answer %q, %v", body, err)
	}
}
