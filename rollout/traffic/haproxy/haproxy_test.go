package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const slots = "server-template goodstate 1-2 127.0.0.1:1 disabled"

// site is a service behind HAProxies.
type site struct {
	t      *testing.T
	conf   *Config
	router traffic.OpenRouter
	dir    string
	route  traffic.Route
	made   int
}

func newSite(t *testing.T, ring string, all ...*real.HAProxy) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), conf: &Config{Backend: "web", Servers: "goodstate", Ring: ring, Address: "http://" + all[0].Address}}
	for _, h := range all {
		s.conf.Sockets = append(s.conf.Sockets, h.Socket)
	}
	if err := s.conf.Validate(); err != nil {
		t.Fatal(err)
	}
	s.open()
	t.Cleanup(func() {
		if err := s.router.Close(); err != nil {
			t.Error(err)
		}
	})
	s.route = traffic.Route{Service: "web", Weights: map[string]int{}}
	counting := s.router.(*router).seconds
	real.Eventually(t, 5*time.Second, "counting begins", func() bool {
		_, err := counting.since(0)
		counting.mu.Lock()
		defer counting.mu.Unlock()
		return err == nil && !counting.partial[time.Now().Unix()]
	})
	return s
}

func (s *site) open() {
	s.t.Helper()
	r, err := s.conf.Open(traffic.Opening{Service: "web", Dir: s.dir})
	if err != nil {
		s.t.Fatal(err)
	}
	s.router = r
}

// instance starts an instance that answers with its release's name.
func (s *site) instance(release string, handler http.Handler) (traffic.Backend, *http.Server) {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	if handler == nil {
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Release", release)
			_, _ = io.WriteString(w, release)
		})
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // ends with Close
	s.t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	s.made++
	return traffic.Backend{Release: release, Instance: fmt.Sprintf("%s.%d", release, s.made), URL: "http://" + l.Addr().String()}, server
}

func (s *site) apply(weights map[string]int, backends ...traffic.Backend) {
	s.t.Helper()
	s.route.Weights, s.route.Backends = weights, backends
	if err := s.router.Apply(s.t.Context(), s.route); err != nil {
		s.t.Fatal(err)
	}
}

// get asks once; nothing is kept open.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// load asks from several connections until stop, which tells what went wrong.
func load(t *testing.T, url string) (asked *atomic.Int64, stop func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	asked = new(atomic.Int64)
	var mu sync.Mutex
	var lost []string
	var all sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for range 8 {
		all.Go(func() {
			tick := time.NewTicker(15 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				n := asked.Add(1)
				var res *http.Response
				var err error
				if n%5 == 0 {
					res, err = client.Post(url, "text/plain", strings.NewReader("a body"))
				} else {
					res, err = client.Get(url)
				}
				bad := ""
				if err != nil {
					bad = err.Error()
				} else {
					body, rerr := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if rerr != nil || res.StatusCode != 200 || string(body) != res.Header.Get("X-Release") {
						bad = res.Status + " " + string(body)
					}
				}
				if bad != "" {
					mu.Lock()
					lost = append(lost, bad)
					mu.Unlock()
				}
			}
		})
	}
	return asked, func() []string {
		cancel()
		all.Wait()
		transport.CloseIdleConnections()
		return lost
	}
}

func more(t *testing.T, asked *atomic.Int64, n int64) {
	t.Helper()
	until := asked.Load() + n
	real.Eventually(t, 20*time.Second, "more requests", func() bool { return asked.Load() >= until })
}

func TestSwitchingToAndFroUnderLoadLosesNoRequest(t *testing.T) {
	for name, lines := range map[string][]string{
		"with slots": {slots, "server-template goodstatemore 1-6 127.0.0.1:1 disabled"}, "with servers that are added": {slots},
		"with health checks": {"option httpchk GET /", "default-server check inter 100ms", "server-template goodstate 1-6 127.0.0.1:1 disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			h := real.StartHAProxy(t, lines...)
			if h == nil {
				return
			}
			s := newSite(t, "goodstate", h)
			a, srvA := s.instance("blue", nil)
			b, srvB := s.instance("blue", nil)
			now, servers := []traffic.Backend{a, b}, []*http.Server{srvA, srvB}
			s.apply(map[string]int{"blue": traffic.Full}, now...)
			asked, stop := load(t, "http://"+h.Address)
			names := map[string]string{"blue": "green", "green": "blue"}
			for range 6 {
				was := now[0].Release
				next := names[was]
				c, srvC := s.instance(next, nil)
				d, srvD := s.instance(next, nil)
				for _, w := range []int{500, 5000, traffic.Full} {
					s.apply(map[string]int{was: traffic.Full - w, next: w}, append(now, c, d)...)
					more(t, asked, 30)
				}
				s.apply(map[string]int{next: traffic.Full}, c, d)
				if err := s.router.Drain(t.Context(), "web", was, ""); err != nil {
					t.Fatal(err)
				}
				for _, server := range servers { // as rude as it gets: what was not drained is cut off
					if err := server.Close(); err != nil {
						t.Fatal(err)
					}
				}
				now, servers = []traffic.Backend{c, d}, []*http.Server{srvC, srvD}
			}
			lost := stop()
			if len(lost) > 0 {
				t.Fatalf("%d of %d requests lost, the first: %v", len(lost), asked.Load(), lost[:min(5, len(lost))])
			}
			s.counted(asked.Load())
		})
	}
}

// counted waits until all requests are counted, and none as an error.
func (s *site) counted(want int64) map[string]traffic.Second {
	s.t.Helper()
	var sums map[string]traffic.Second
	real.Eventually(s.t, 5*time.Second, fmt.Sprintf("%d requests are counted", want), func() bool {
		sums = s.sums()
		var n int64
		for _, one := range sums {
			n += one.Requests + one.Aborted
		}
		return n >= want
	})
	for release, one := range sums {
		if one.Errors > 0 {
			s.t.Errorf("%s: %d errors counted", release, one.Errors)
		}
	}
	return sums
}

func (s *site) sums() map[string]traffic.Second {
	all, err := s.router.Seconds(s.t.Context(), "web", time.Now().Add(-time.Hour))
	if err != nil {
		return nil
	}
	sums := map[string]traffic.Second{}
	for _, one := range all {
		sum := sums[one.Release]
		if sum.Latency == nil {
			sum.Latency = traffic.Histogram{}
		}
		sum.Requests += one.Requests
		sum.Errors += one.Errors
		sum.Bursts += one.Bursts
		sum.Aborted += one.Aborted
		sum.Latency.Add(one.Latency)
		sums[one.Release] = sum
	}
	return sums
}

func TestReplacingInstancesOneByOneUnderLoadLosesNoRequest(t *testing.T) {
	h := real.StartHAProxy(t, slots)
	if h == nil {
		return
	}
	s := newSite(t, "goodstate", h)
	a, _ := s.instance("v1", nil)
	b, _ := s.instance("v1", nil)
	now := []traffic.Backend{a, b}
	s.apply(map[string]int{"v1": traffic.Full}, now...)
	asked, stop := load(t, "http://"+h.Address)
	for range 10 {
		gone := now[0]
		next, _ := s.instance("v1", nil)
		now = []traffic.Backend{now[1], next}
		s.apply(map[string]int{"v1": traffic.Full}, now...)
		more(t, asked, 20)
		if err := s.router.Drain(t.Context(), "web", "v1", gone.Instance); err != nil {
			t.Fatal(err)
		}
	}
	if lost := stop(); len(lost) > 0 {
		t.Fatalf("%d of %d requests lost: %v", len(lost), asked.Load(), lost[:min(5, len(lost))])
	}
}

func TestSharesAreWhatWasAskedFor(t *testing.T) {
	h := real.StartHAProxy(t, slots)
	if h == nil {
		return
	}
	s := newSite(t, "", h)
	a, _ := s.instance("v1", nil)
	b, _ := s.instance("v1", nil)
	c, _ := s.instance("v2", nil)
	s.apply(map[string]int{"v1": 9000, "v2": 1000}, a, b, c)
	got := map[string]int{}
	for range 1000 {
		status, body := get(t, "http://"+h.Address)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		got[body]++
	}
	if got["v2"] < 90 || got["v2"] > 110 {
		t.Errorf("v2 got %d of 1000 requests, want 100", got["v2"])
	}
	if sums := s.counted(1000); int(sums["v2"].Requests) != got["v2"] || int(sums["v1"].Requests) != got["v1"] || sums["v1"].Latency.Count() != 0 {
		t.Errorf("counted %v, asked %v, want the same and no response times", sums, got)
	}
}

func TestARequestOfALeavingReleaseFinishesAndDrainWaitsForIt(t *testing.T) {
	h := real.StartHAProxy(t, slots)
	if h == nil {
		return
	}
	s := newSite(t, "", h)
	entered, leave := make(chan bool), make(chan bool)
	old, _ := s.instance("v1", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-leave
		_, _ = io.WriteString(w, "done")
	}))
	s.apply(map[string]int{"v1": traffic.Full}, old)
	got := make(chan string, 1)
	go func() {
		_, body := get(t, "http://"+h.Address)
		got <- body
	}()
	<-entered
	next, _ := s.instance("v2", nil)
	s.apply(map[string]int{"v2": traffic.Full}, next)
	if _, body := get(t, "http://"+h.Address); body != "v2" {
		t.Errorf("a new request was answered by %q", body)
	}
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	err := s.router.Drain(soon, "web", "v1", old.Instance)
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 requests still under way") {
		t.Errorf("drain: %v", err)
	}
	close(leave)
	if body := <-got; body != "done" {
		t.Errorf("the old request was answered %q", body)
	}
	if err := s.router.Drain(t.Context(), "web", "v1", ""); err != nil {
		t.Error(err)
	}
}

func TestWhatHAProxyForgotIsPutBack(t *testing.T) {
	h := real.StartHAProxy(t, slots)
	if h == nil {
		return
	}
	s := newSite(t, "goodstate", h)
	a, _ := s.instance("v1", nil)
	b, _ := s.instance("v1", nil)
	c, _ := s.instance("v1", nil)
	s.apply(map[string]int{"v1": traffic.Full}, a, b, c)
	h.Stop(t)
	if err := s.router.Apply(t.Context(), s.route); err == nil || !strings.Contains(err.Error(), "stats socket") {
		t.Errorf("with HAProxy gone: %v", err)
	}
	if _, ok, err := s.router.Route(t.Context(), "web"); !ok || err == nil {
		t.Errorf("route is known: %v, error %v; want that it cannot be told", ok, err)
	}
	h.Start(t)
	real.Eventually(t, 5*time.Second, "v1 answers again", func() bool { status, body := get(t, "http://"+h.Address); return status == 200 && body == "v1" })
	real.Eventually(t, 5*time.Second, "the route is whole", func() bool { _, _, err := s.router.Route(t.Context(), "web"); return err == nil })
	if err := s.router.Close(); err != nil {
		t.Fatal(err)
	}
	s.open() // a controller that knows nothing
	if route, ok, err := s.router.Route(t.Context(), "web"); !ok || err != nil || len(route.Backends) != 3 {
		t.Errorf("route %+v, %v, %v", route, ok, err)
	}
	for range 2 {
		if err := s.router.Remove(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := get(t, "http://"+h.Address); status != 503 {
		t.Errorf("status %d after the route was removed, want 503", status)
	}
}

func TestSeveralHAProxiesAreMovedAndCountedTogether(t *testing.T) {
	one, two := real.StartHAProxy(t, slots), real.StartHAProxy(t, slots)
	if one == nil {
		return
	}
	s := newSite(t, "goodstate", one, two)
	a, _ := s.instance("v1", nil)
	s.apply(map[string]int{"v1": traffic.Full}, a)
	for _, h := range []*real.HAProxy{one, two} {
		for range 20 {
			if status, body := get(t, "http://"+h.Address); status != 200 {
				t.Fatal(status, body)
			}
		}
	}
	if sums := s.counted(40); sums["v1"].Requests != 40 || sums["v1"].Latency.Count() != 40 {
		t.Errorf("counted %+v", sums)
	}
	two.Stop(t)
	b, _ := s.instance("v2", nil)
	s.route.Weights, s.route.Backends = map[string]int{"v2": traffic.Full}, []traffic.Backend{b}
	if err := s.router.Apply(t.Context(), s.route); err == nil || !strings.Contains(err.Error(), two.Socket) {
		t.Errorf("with one of two gone: %v", err)
	}
	if _, body := get(t, "http://"+one.Address); body != "v2" {
		t.Errorf("the one that is there answers %q", body)
	}
	real.Eventually(t, 5*time.Second, "half of the counts is not taken for all", func() bool {
		_, err := s.router.Seconds(t.Context(), "web", time.Now())
		return err != nil
	})
	two.Start(t)
	real.Eventually(t, 5*time.Second, "the other one follows", func() bool { _, body := get(t, "http://"+two.Address); return body == "v2" })
}

func TestErrorsAreCountedWhereTheyFell(t *testing.T) {
	for _, ring := range []string{"", "goodstate"} {
		t.Run("ring "+ring, func(t *testing.T) {
			h := real.StartHAProxy(t, slots)
			if h == nil {
				return
			}
			s := newSite(t, ring, h)
			bad, _ := s.instance("bad", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/500":
					w.WriteHeader(http.StatusInternalServerError)
				case "/cut":
					panic(http.ErrAbortHandler)
				}
			}))
			s.apply(map[string]int{"bad": traffic.Full}, bad)
			var sum traffic.Second
			for i, path := range []string{"/", "/500", "/500", "/cut", "/", "/500"} {
				get(t, "http://"+h.Address+path)
				if i < 3 {
					continue // two threads may tell of two requests in the other order
				}
				real.Eventually(t, 5*time.Second, "all requests are counted", func() bool { sum = s.sums()["bad"]; return sum.Requests == int64(i+1) })
			}
			if sum.Errors != 4 {
				t.Errorf("%d errors, want 4", sum.Errors)
			}
			if ring != "" && sum.Bursts != 2 {
				t.Errorf("%d bursts, want 2: one client failed, recovered, and failed again", sum.Bursts)
			}
		})
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	h := real.StartHAProxy(t, slots, "server theirs 127.0.0.1:9 weight 1")
	if h == nil {
		return
	}
	look := func(change func(*Config)) good.Finding {
		c := &Config{Sockets: []string{h.Socket}, Backend: "web", Servers: "goodstate", Address: "http://" + h.Address}
		change(c)
		return c.Look(t.Context())[0]
	}
	for name, one := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"no socket":      {func(c *Config) { c.Sockets[0] += "x" }, "level admin"},
		"no backend":     {func(c *Config) { c.Backend = "shop" }, "it has no backend shop, only [web]"},
		"another server": {func(*Config) {}, "theirs (127.0.0.1:9), which is not goodstate's"},
		"no ring":        {func(c *Config) { c.Servers, c.Ring = "t", "r" }, "no ring r"},
	} {
		if f := look(one.change); f.Verdict != good.Fail || !strings.Contains(f.String()+f.Observed+f.Hint, one.says) {
			t.Errorf("%s: %v", name, f)
		}
	}
	clean := real.StartHAProxy(t, slots)
	h.Socket = clean.Socket
	if f := look(func(c *Config) { c.Ring = "goodstate" }); f.Verdict != good.Pass || !strings.Contains(f.Observed, "2 servers for goodstate") {
		t.Errorf("all is there: %v", f)
	}
}
