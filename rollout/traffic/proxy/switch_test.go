package proxy

import (
	"context"
	"errors"
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

// gate is an instance that says when a request is in, and answers when it may.
func gate(entered chan<- bool, leave <-chan bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case entered <- true:
		case <-r.Context().Done():
			return
		}
		select {
		case <-leave:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, "done")
	}
}

func accepts(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func occupy(t testing.TB, addr string) (release func()) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// load asks at a steady rate from several connections until stop is called, which tells what went wrong.
func load(t testing.TB, url string, perSecond int) (asked *atomic.Int64, stop func() (lost []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	asked = new(atomic.Int64)
	var mu sync.Mutex
	var lost []string
	tickets := make(chan bool, perSecond)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(tickets)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				for range perSecond / 100 {
					tickets <- true
				}
			}
		}
	})
	b := browser(t)
	for range 8 {
		wg.Go(func() {
			for range tickets {
				n := asked.Add(1)
				var res *http.Response
				var err error
				if n%5 == 0 {
					res, err = b.Post(url, "text/plain", strings.NewReader("a body"))
				} else {
					res, err = b.Get(url)
				}
				bad := ""
				if err != nil {
					bad = err.Error()
				} else {
					body, rerr := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if rerr != nil || res.StatusCode != 200 || string(body) != res.Header.Get(releaseHeader) {
						bad = res.Status + " " + string(body) + " from " + res.Header.Get(releaseHeader)
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
		wg.Wait()
		return lost
	}
}

// more waits until so many more requests were asked.
func more(t testing.TB, asked *atomic.Int64, n int64) {
	t.Helper()
	until := asked.Load() + n
	eventually(t, "more requests", func() bool { return asked.Load() >= until })
}

func TestSwitchingToAndFroUnderLoadLosesNoRequest(t *testing.T) {
	c, _ := process(t)
	start := func(release string) (traffic.Backend, *http.Server) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, release)
		})}
		go func() { _ = srv.Serve(l) }()
		return traffic.Backend{Release: release, Instance: release + l.Addr().String(), URL: "http://" + l.Addr().String()}, srv
	}
	now, srv := start("blue")
	r := routeTo(t, map[string]int{"blue": traffic.Full}, now)
	apply(t, c, r)
	asked, stop := load(t, "http://"+r.Listen, 500)
	names := map[string]string{"blue": "green", "green": "blue"}
	for range 20 {
		other, otherSrv := start(names[now.Release])
		r.Backends = []traffic.Backend{now, other}
		for _, w := range []int{500, 5000, traffic.Full} {
			r.Weights = map[string]int{now.Release: traffic.Full - w, other.Release: w}
			apply(t, c, r)
			more(t, asked, 30)
		}
		was := now.Release
		r.Backends, r.Weights = []traffic.Backend{other}, map[string]int{other.Release: traffic.Full}
		apply(t, c, r)
		if err := c.Drain(t.Context(), "web", was, ""); err != nil {
			t.Fatal(err)
		}
		if err := srv.Close(); err != nil { // as rude as it gets: what was not drained is cut off
			t.Fatal(err)
		}
		now, srv = other, otherSrv
	}
	lost := stop()
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if len(lost) > 0 {
		t.Fatalf("%d of %d requests lost, the first: %v", len(lost), asked.Load(), lost[:min(5, len(lost))])
	}
	var counted int64
	for release, s := range totals(t, c, asked.Load()) {
		counted += s.Requests
		if s.Errors+s.Aborted > 0 {
			t.Errorf("%s: %d errors, %d aborted", release, s.Errors, s.Aborted)
		}
	}
	if counted != asked.Load() {
		t.Errorf("%d requests counted, %d asked", counted, asked.Load())
	}
}

func TestReplacingInstancesOneByOneUnderLoadLosesNoRequest(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil), instanceOf(t, "v1", nil))
	apply(t, c, r)
	asked, stop := load(t, "http://"+r.Listen, 300)
	for range 20 {
		gone := r.Backends[0]
		r.Backends = append(r.Backends[1:2:2], instanceOf(t, "v1", nil))
		apply(t, c, r)
		more(t, asked, 20)
		if err := c.Drain(t.Context(), "web", "v1", gone.Instance); err != nil {
			t.Fatal(err)
		}
	}
	if lost := stop(); len(lost) > 0 {
		t.Fatalf("%d of %d requests lost: %v", len(lost), asked.Load(), lost[:min(5, len(lost))])
	}
}

func TestARequestOfARemovedReleaseFinishesAndDrainWaitsForIt(t *testing.T) {
	c := inside(t, Options{})
	entered, leave := make(chan bool), make(chan bool)
	old := instanceOf(t, "v1", gate(entered, leave))
	r := routeTo(t, map[string]int{"v1": traffic.Full}, old)
	apply(t, c, r)
	b := browser(t)
	got := make(chan string, 1)
	go func() {
		_, body, _ := get(t, b, "http://"+r.Listen)
		got <- body
	}()
	<-entered
	r.Backends, r.Weights = []traffic.Backend{instanceOf(t, "v2", nil)}, map[string]int{"v2": traffic.Full}
	apply(t, c, r)
	if _, body, _ := get(t, b, "http://"+r.Listen); body != "v2" {
		t.Errorf("a new request was answered by %q", body)
	}
	for _, instance := range []string{"", old.Instance} {
		soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := c.Drain(soon, "web", "v1", instance)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 requests still under way") {
			t.Errorf("drain of instance %q: %v", instance, err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Drain(t.Context(), "web", "v1", old.Instance) }()
	close(leave)
	if body := <-got; body != "done" {
		t.Errorf("the old request was answered %q", body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestChangingTheListenAddressOpensTheNewOneBeforeTheOldIsClosed(t *testing.T) {
	c := inside(t, Options{})
	entered, leave := make(chan bool), make(chan bool)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", gate(entered, leave)))
	apply(t, c, r)
	before := r.Listen
	b := browser(t)
	got := make(chan string, 2)
	ask := func(addr string) {
		_, body, _ := get(t, b, "http://"+addr)
		got <- body
	}
	go ask(before)
	<-entered
	r.Listen = free(t)
	apply(t, c, r)
	eventually(t, "the old address is free", func() bool { return !accepts(before) })
	go ask(r.Listen)
	<-entered
	close(leave)
	for range 2 {
		if body := <-got; body != "done" {
			t.Errorf("answer %q", body)
		}
	}
}

func TestAnAddressThatIsTakenIsNamedWithItsHolderAndTheOldRouteStays(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil))
	apply(t, c, r)
	moved := r
	moved.Listen = free(t)
	defer occupy(t, moved.Listen)()
	err := c.Apply(t.Context(), moved)
	if err == nil || !strings.Contains(err.Error(), moved.Listen) || !strings.Contains(err.Error(), "proxy.test") {
		t.Errorf("got %v", err)
	}
	if now, _, err := c.Route(t.Context(), "web"); err != nil || now.Listen != r.Listen {
		t.Errorf("route %+v, %v", now, err)
	}
	if status, _, _ := get(t, browser(t), "http://"+r.Listen); status != 200 {
		t.Errorf("the old route answers %d", status)
	}
	other := r
	other.Service = "shop"
	if err := c.Apply(t.Context(), other); err == nil || !strings.Contains(err.Error(), `service "web" has this address`) {
		t.Errorf("got %v", err)
	}
}

func TestRemovingFreesTheAddressAndMayBeDoneTwice(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil))
	apply(t, c, r)
	apply(t, c, r)
	for range 2 {
		if err := c.Remove(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the address is free", func() bool { return !accepts(r.Listen) })
	if _, ok, err := c.Route(t.Context(), "web"); ok || err != nil {
		t.Errorf("route is there: %v, %v", ok, err)
	}
	if err := c.Drain(t.Context(), "web", "v1", ""); err != nil {
		t.Error(err)
	}
	apply(t, c, r)
	if status, _, _ := get(t, browser(t), "http://"+r.Listen); status != 200 {
		t.Errorf("answer %d after applying again", status)
	}
}
