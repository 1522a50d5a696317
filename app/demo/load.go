package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"sync"
	"time"
)

// visitors are people who use the shop while it is released: each has a browser of their own and clicks about twice a second.
type visitors struct {
	address string
	wait    sync.WaitGroup

	mu       sync.Mutex
	requests int
	failed   int // answers that said that something went wrong
	lost     int // requests that no release answered: a broken connection, or the proxy's own error
	first    map[string]time.Time
}

const (
	people = 120
	pause  = 500 * time.Millisecond
)

// visit begins the load; it ends with ctx.
func visit(ctx context.Context, address string) *visitors {
	v := &visitors{address: address, first: map[string]time.Time{}}
	transport := &http.Transport{MaxIdleConnsPerHost: people}
	for range people {
		v.wait.Go(func() { v.person(ctx, transport) })
	}
	return v
}

func (v *visitors) person(ctx context.Context, transport *http.Transport) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return
	}
	client := &http.Client{Transport: transport, Jar: jar, Timeout: 10 * time.Second}
	for {
		think := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			think.Stop()
			return
		case <-think.C:
			v.click(ctx, client)
		}
	}
}

func (v *visitors) click(ctx context.Context, client *http.Client) {
	path := []string{"/", "/item"}[rand.N(2)]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.address+path, nil)
	if err != nil {
		return
	}
	res, err := client.Do(req)
	if ctx.Err() != nil {
		if err == nil {
			_ = res.Body.Close() // the visitor has left
		}
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests++
	if err != nil {
		v.lost++
		return
	}
	_, copied := io.Copy(io.Discard, res.Body)
	closed := res.Body.Close()
	release := res.Header.Get("X-Shop")
	switch {
	case release == "" || copied != nil || closed != nil:
		v.lost++
	case res.StatusCode >= http.StatusInternalServerError:
		v.failed++
		if v.first[release].IsZero() {
			v.first[release] = time.Now()
		}
	}
}

// count tells what the visitors met so far.
func (v *visitors) count() (requests, failed, lost int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.requests, v.failed, v.lost
}

// firstFailure is when a visitor first met an error of a release.
func (v *visitors) firstFailure(release string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.first[release]
}
