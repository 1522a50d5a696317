package proxy

import (
	"math/rand/v2"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// counts are one release's answers, by second. They are spread over shards, so that processors seldom meet at a lock.
type counts struct {
	shards [8]shard
}

type shard struct {
	mu   sync.Mutex
	now  tally
	done []tally
	_    [64]byte // keeps neighbours out of each other's cache lines
}

// buckets of a tally: the last one is for everything slower than its limit, about 26 minutes.
const buckets = 192

type tally struct {
	unix                              int64
	requests, errors, bursts, aborted int64
	latency                           [buckets]uint32
}

// outcome is what became of one request.
type outcome int

const (
	good outcome = iota
	failed
	failedAgain // and the same client's answer before had failed too
	aborted
)

// add counts one request in the second that it ends in. The second is read under the lock, so that a second which was collected
// never changes.
func (c *counts) add(what outcome, took time.Duration) {
	s := &c.shards[rand.Uint32()%uint32(len(c.shards))]
	bucket := min(bucketOf(took), buckets-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if unix := time.Now().Unix(); unix > s.now.unix {
		s.turn(unix)
	}
	t := &s.now
	if what == aborted {
		t.aborted++
		return
	}
	t.requests++
	t.latency[bucket]++
	if what != good {
		t.errors++
	}
	if what == failed {
		t.bursts++
	}
}

func (s *shard) turn(unix int64) {
	if s.now.requests != 0 || s.now.aborted != 0 {
		s.done = append(s.done, s.now)
	}
	s.now = tally{unix: unix}
}

// collect takes all seconds before the given one out of the counters.
func (c *counts) collect(release string, before int64) []traffic.Second {
	byUnix := make(map[int64]*traffic.Second)
	var order []int64
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		if s.now.unix < before {
			s.turn(before)
		}
		done := s.done
		s.done = nil
		s.mu.Unlock()
		for j := range done {
			t := &done[j]
			sum := byUnix[t.unix]
			if sum == nil {
				sum = &traffic.Second{Unix: t.unix, Release: release, Latency: make(traffic.Histogram)}
				byUnix[t.unix] = sum
				order = append(order, t.unix)
			}
			t.addTo(sum)
		}
	}
	out := make([]traffic.Second, 0, len(order))
	for _, unix := range order {
		out = append(out, *byUnix[unix])
	}
	return out
}

// empty tells whether there is nothing to collect.
func (c *counts) empty() bool {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		full := len(s.done) > 0 || s.now.requests != 0 || s.now.aborted != 0
		s.mu.Unlock()
		if full {
			return false
		}
	}
	return true
}

func (t *tally) addTo(s *traffic.Second) {
	s.Requests += t.requests
	s.Errors += t.errors
	s.Bursts += t.bursts
	s.Aborted += t.aborted
	for b, n := range t.latency {
		if n != 0 {
			s.Latency[b] += int64(n)
		}
	}
}

// bucketLimits are traffic.BucketLimit's values: looking up is cheaper than a logarithm for each request.
var bucketLimits = func() (limits [buckets]time.Duration) {
	for b := range limits {
		limits[b] = traffic.BucketLimit(b)
	}
	return limits
}()

// bucketOf is traffic.BucketOf by bisection.
func bucketOf(d time.Duration) int {
	lo, hi := 0, buckets
	for lo < hi {
		mid := (lo + hi) / 2
		if bucketLimits[mid] < d {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
