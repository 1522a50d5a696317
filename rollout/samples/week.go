package samples

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Week keeps the worst moments of ordinary days: of each hour the minutes with the most errors and the slowest answers. A measure that is silent over them would
// have been silent over the whole week, and they take a hundredth of its room.
type Week struct {
	Dir string

	mu    sync.Mutex
	hours map[string]*hour // by service
}

type hour struct {
	began   time.Time
	release string
	next    int64 // the first second that was not taken yet
	seconds []traffic.Second
}

const (
	hourPrefix  = "hour-"
	windowsKept = 3  // of an hour, for errors and for latency each
	windowLong  = 60 // seconds
)

// Since says from when on a service's seconds are wanted.
func (w *Week) Since(service string, now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.hours[service]; h != nil {
		return time.Unix(h.next, 0)
	}
	return now.Add(-15 * time.Minute) // what a router surely has of before this process
}

// Add takes what the serving release of a service answered, up to a moment ago. At the end of an hour, and when another release serves, the worst of it is kept.
func (w *Week) Add(service, release string, seconds []traffic.Second, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hours == nil {
		w.hours = map[string]*hour{}
	}
	var err error
	h := w.hours[service]
	if h != nil && (h.release != release || !h.began.Equal(now.Truncate(time.Hour))) {
		err = w.keep(service, h)
		next := h.next
		h = &hour{began: now.Truncate(time.Hour), release: release, next: next}
	}
	if h == nil {
		h = &hour{began: now.Truncate(time.Hour), release: release}
	}
	w.hours[service] = h
	for _, s := range seconds {
		if s.Release == release && s.Unix >= h.next && s.Requests > 0 && len(h.seconds) < 2*3600 {
			h.seconds = append(h.seconds, s)
		}
	}
	for _, s := range seconds {
		h.next = max(h.next, s.Unix+1)
	}
	h.next = max(h.next, now.Unix()-30)
	return err
}

// Flush keeps what there is of the hours under way.
func (w *Week) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for service, h := range w.hours {
		if err := w.keep(service, h); err != nil {
			return err
		}
	}
	return nil
}

func (w *Week) keep(service string, h *hour) error {
	if len(h.seconds) == 0 {
		return nil
	}
	k := Kept{Run: fmt.Sprintf("%s%s-%s-%d", hourPrefix, service, h.began.UTC().Format("2006010215"), h.seconds[0].Unix), Service: service, New: h.release, Good: true}
	for _, s := range worstOf(h.seconds) {
		k.Seconds = append(k.Seconds, judge.Second{Unix: s.Unix, New: s})
	}
	return Write(w.Dir, k)
}

// worstOf are the seconds of the worst windows.
func worstOf(all []traffic.Second) []traffic.Second {
	slices.SortFunc(all, func(a, b traffic.Second) int { return cmp.Compare(a.Unix, b.Unix) })
	type window struct {
		at               int64
		requests, errors int64
		latency          traffic.Histogram
	}
	var windows []*window
	for _, s := range all {
		at := s.Unix / windowLong
		if n := len(windows); n == 0 || windows[n-1].at != at {
			windows = append(windows, &window{at: at, latency: traffic.Histogram{}})
		}
		w := windows[len(windows)-1]
		w.requests, w.errors = w.requests+s.Requests, w.errors+s.Errors
		w.latency.Add(s.Latency)
	}
	chosen := map[int64]bool{}
	take := func(less func(a, b *window) int) {
		slices.SortStableFunc(windows, less)
		for _, w := range windows[:min(len(windows), windowsKept)] {
			chosen[w.at] = true
		}
	}
	take(func(a, b *window) int {
		return cmp.Compare(float64(b.errors)/float64(b.requests), float64(a.errors)/float64(a.requests))
	})
	take(func(a, b *window) int {
		slow := func(w *window) int { bucket, _ := w.latency.Quantile(0.99); return bucket }
		return cmp.Compare(slow(b), slow(a))
	})
	return slices.DeleteFunc(slices.Clone(all), func(s traffic.Second) bool { return !chosen[s.Unix/windowLong] })
}
