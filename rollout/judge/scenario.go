package judge

import (
	"math"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// Scenario is a made-up rollout. Requests come at random (Poisson), rates are of requests, 0 to 1.
type Scenario struct {
	BaseErrors float64       `json:"base_errors"` // error rate of the old release, and of the new one before the onset
	NewErrors  float64       `json:"new_errors"`  // error rate of the new release from the onset on
	CanaryRPS  float64       `json:"canary_rps"`
	StableRPS  float64       `json:"stable_rps"`
	Onset      time.Duration `json:"onset_ns"`          // when the new release turns bad
	Minutes    int           `json:"minutes"`           // how long it is watched
	Latency    time.Duration `json:"latency_ns"`        // median latency of the old release; 0: latency is not simulated
	Tail       float64       `json:"tail,omitempty"`    // sigma of the lognormal latency; 0: 0.5; 1.5 is a heavy tail
	Slower     float64       `json:"slower,omitempty"`  // the new release's latency from the onset on, as a multiple; 0: 1
	Pauses     float64       `json:"pauses,omitempty"`  // pauses a minute and instance: one second in which a fifth of its requests take ten times as long
	Stalls     float64       `json:"stalls,omitempty"`  // the same a minute for all instances of both releases at once, half of the requests
	Burst      int           `json:"burst,omitempty"`   // failures come from clients that fail so often in a row, within some seconds; 0: from each on its own
	Outages    float64       `json:"outages,omitempty"` // an hour, of both releases: 5 s to 2 min in which 5% to 100% fail
}

// healthy is the same rollout of a release that is as good as the old one.
func (s Scenario) healthy() Scenario {
	s.NewErrors, s.Slower = s.BaseErrors, 1
	return s
}

func (s Scenario) seconds() int64 { return int64(s.Minutes) * 60 }

func (s Scenario) onset() int64 { return int64(s.Onset / time.Second) }

// stableInstances is how many instances the old release has in a scenario; the new one has one.
const stableInstances = 9

// world plays a scenario second by second.
type world struct {
	Scenario
	draw
	now        int64
	base, slow latencies
	canary     side
	stable     side
	outage     float64 // error rate of the outage under way
	outageEnds int64
}

// side is one release in the world.
type side struct {
	failing []int64 // ends of clients that fail at present
}

func newWorld(s Scenario, seed, stream uint64) *world {
	if s.Tail == 0 {
		s.Tail = 0.5
	}
	if s.Slower == 0 {
		s.Slower = 1
	}
	w := &world{Scenario: s, draw: newDraw(seed, stream)}
	if s.Latency > 0 {
		w.base = lognormal(s.Latency, s.Tail)
		w.slow = lognormal(time.Duration(float64(s.Latency)*s.Slower), s.Tail)
	}
	return w
}

// next is the next second. Seconds count from 1.
func (w *world) next() Second {
	w.now++
	if w.Outages > 0 && w.now >= w.outageEnds {
		w.outage = 0
		if w.Float64() < w.Outages/3600 {
			w.outage, w.outageEnds = 0.05+0.95*w.Float64(), w.now+5+w.Int64N(116)
		}
	}
	newErrors, newLatency := w.BaseErrors, w.base
	if w.now > w.onset() {
		newErrors, newLatency = w.NewErrors, w.slow
	}
	stalled := 0.0
	if w.Float64() < w.Stalls/60 {
		stalled = 0.5
	}
	s := Second{Unix: w.now}
	s.New = w.side(&w.canary, w.CanaryRPS, newErrors, newLatency, stalled, 1)
	s.Old = w.side(&w.stable, w.StableRPS, w.BaseErrors, w.base, stalled, stableInstances)
	return s
}

// side plays one release for a second.
func (w *world) side(side *side, rps, errors float64, latency latencies, stalled float64, instances int) traffic.Second {
	s := traffic.Second{Unix: w.now, Latency: traffic.Histogram{}}
	if w.Burst > 1 {
		w.burst(side, &s, rps*errors)
		errors = 0
	}
	failed := w.poisson(rps * (errors + (1-errors)*w.outage))
	s.Errors += failed
	s.Bursts += failed
	s.Requests = s.Errors + w.poisson(rps*(1-errors)*(1-w.outage))
	if latency == nil {
		return s
	}
	slow := stalled
	for range instances {
		if w.Float64() < w.Pauses/60 {
			slow += 0.2 / float64(instances)
		}
	}
	slow = min(slow, 1)
	later := int(math.Round(bucketsPerDoubling * math.Log2(10)))
	for _, l := range latency {
		if n := w.poisson(float64(s.Requests) * l.share * (1 - slow)); n > 0 {
			s.Latency[l.bucket] += n
		}
		if slow > 0 {
			if n := w.poisson(float64(s.Requests) * l.share * slow); n > 0 {
				s.Latency[l.bucket+later] += n
			}
		}
	}
	return s
}

// burst adds clients that fail five times a second until they have failed about Burst times.
func (w *world) burst(side *side, s *traffic.Second, failures float64) {
	const perSecond = 5
	starting := w.poisson(failures / float64(w.Burst))
	s.Bursts += starting
	for range starting {
		side.failing = append(side.failing, w.now+max(1, int64(math.Round(w.ExpFloat64()*float64(w.Burst)/perSecond))))
	}
	still := side.failing[:0]
	for _, ends := range side.failing {
		s.Errors += max(1, w.poisson(perSecond))
		if ends > w.now {
			still = append(still, ends)
		}
	}
	side.failing = still
}

// latencies is a distribution over the buckets of traffic.Histogram.
type latencies []struct {
	bucket int
	share  float64
}

func lognormal(median time.Duration, sigma float64) latencies {
	below := func(bucket int) float64 {
		z := math.Log(float64(traffic.BucketLimit(bucket))/float64(median)) / sigma
		return 0.5 * math.Erfc(-z/math.Sqrt2)
	}
	var all latencies
	last := 0.0
	for b := 0; b <= maxBucket && last < 1-1e-7; b++ {
		p := below(b)
		if p-last > 1e-9 {
			all = append(all, struct {
				bucket int
				share  float64
			}{b, p - last})
		}
		last = p
	}
	return all
}
