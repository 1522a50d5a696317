package judge

import (
	"math"

	"goodstate.dev/goodstate/rollout/traffic"
)

// recentSeconds is how much of the old release's past is kept: thresholds and the weaker comparison come from it.
const recentSeconds = 600

// maxBucket holds everything from 100 µs * 2^(255/8), more than 100 hours, on.
const maxBucket = 255

// recent is what a release answered in the last seconds.
type recent struct {
	keep             int64 // seconds
	seconds          []past
	counts           [maxBucket + 1]int64 // latencies of all kept seconds
	count            int64
	requests, bursts int64
}

type past struct {
	unix             int64
	requests, bursts int64
	latency          []bucketCount
}

type bucketCount struct {
	bucket int
	count  int64
}

func newRecent(keep int64) *recent { return &recent{keep: keep} }

func (r *recent) add(s traffic.Second) {
	p := past{unix: s.Unix, requests: s.Requests, bursts: s.Bursts, latency: make([]bucketCount, 0, len(s.Latency))}
	for b, n := range s.Latency {
		p.latency = append(p.latency, bucketCount{min(max(b, 0), maxBucket), n})
	}
	r.seconds = append(r.seconds, p)
	r.apply(p, 1)
	gone := 0
	for gone < len(r.seconds) && r.seconds[gone].unix <= s.Unix-r.keep {
		r.apply(r.seconds[gone], -1)
		gone++
	}
	r.seconds = r.seconds[gone:]
}

func (r *recent) apply(p past, sign int64) {
	r.requests += sign * p.requests
	r.bursts += sign * p.bursts
	for _, c := range p.latency {
		r.counts[c.bucket] += sign * c.count
		r.count += sign * c.count
	}
}

// quantile is the bucket in which the q-quantile lies.
func (r *recent) quantile(q float64) int {
	want := max(1, int64(math.Ceil(q*float64(r.count))))
	var seen int64
	for b, n := range r.counts {
		seen += n
		if seen >= want {
			return b
		}
	}
	return maxBucket
}

func (r *recent) above(bucket int) int64 {
	var n int64
	for _, c := range r.counts[min(bucket, maxBucket)+1:] {
		n += c
	}
	return n
}
