package judge

import (
	"math"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

// boldness is how much of the stake the latency test bets on one block.
var boldness = [...]float64{0.1, 0.35, 0.95}

const (
	blockRequests = 20 // a block is judged when each release has answered so many
	capFactor     = 5  // slow shares above so many times the expected one are worth no more
)

// latencyTest compares shares of slow requests, once per block of one second or more. x is the share of the new release's
// requests that took longer than (accepted factor) times a quantile of the old release's recent past, y the share of
// the old release's requests that took longer than the quantile itself. The factor is 1 + l (min(x,c) - min(y,c)).
//
// Unlike failures, slow requests come in clumps: one garbage collection, one lock, one busy neighbour makes all requests
// of some instance slow. A likelihood ratio would take each as independent and be certain after one clump. Here a block is one
// bet that at most doubles the stake, and its expectation is at most 1 whatever hangs together within it: only the
// expected shares matter, and cutting at c lowers the noisier share more, which is the new release's as long as it has
// no more requests than the old one (else c is 1, which cuts nothing). Thresholds come from seconds strictly before the block.
type latencyTest struct {
	evidence
	quantiles []float64 // 0 to 1
	slack     int       // accepted factor, in buckets
	past      *recent   // nil: shares are fixed, as nothing runs beside
	share     []float64 // fixed expected shares per quantile
	threshold []int     // buckets, per quantile
	ready     bool      // thresholds are set for the block under way
	block     block
	factors   []float64
	tallies   []tally
}

// block is what was counted since the last bet.
type block struct {
	newN, oldN       int64
	newSlow, oldSlow []int64 // per quantile
}

func newLatencyTest(quantiles []config.Percent, slower float64, past *recent) *latencyTest {
	n := len(quantiles)
	t := &latencyTest{
		evidence: newEvidence(n * len(boldness)), past: past, slack: int(math.Round(bucketsPerDoubling * math.Log2(slower))),
		threshold: make([]int, n), factors: make([]float64, n*len(boldness)), tallies: make([]tally, n*len(boldness)),
		block: block{newSlow: make([]int64, n), oldSlow: make([]int64, n)},
	}
	for _, q := range quantiles {
		t.quantiles = append(t.quantiles, float64(q)/traffic.Full)
	}
	return t
}

// bucketsPerDoubling is the resolution of traffic.Histogram.
const bucketsPerDoubling = 8

// newLatencyAlone holds the new release against the old one's past: thresholds and expected shares are fixed now, and
// half as slow again, in the share and in the time, is accepted, because the past is not the present.
func newLatencyAlone(quantiles []config.Percent, slower float64, past *recent) *latencyTest {
	t := newLatencyTest(quantiles, slower*1.3, nil)
	total := past.count
	if total < minPast {
		return t
	}
	for i, q := range t.quantiles {
		t.threshold[i] = past.quantile(q)
		above := past.above(t.threshold[i])
		t.share = append(t.share, min(1, 1.5*upperRate(above, total)))
	}
	t.ready = true
	return t
}

// observe counts a second of both releases; old is nil where nothing runs beside.
func (t *latencyTest) observe(at int64, newer, old traffic.Histogram) {
	if t.past != nil && !t.ready {
		if t.past.count < minPast {
			return
		}
		for i, q := range t.quantiles {
			t.threshold[i] = t.past.quantile(q)
		}
		t.ready = true
	}
	if !t.ready {
		return
	}
	b := &t.block
	b.newN += t.count(newer, t.slack, b.newSlow)
	b.oldN += t.count(old, 0, b.oldSlow)
	if b.newN >= blockRequests && (b.oldN >= blockRequests || t.past == nil) {
		t.bet(at)
	}
}

// count adds up the latencies beyond each threshold, and tells how many there are in all.
func (t *latencyTest) count(h traffic.Histogram, slack int, slow []int64) (total int64) {
	for b, n := range h {
		total += n
		for i, limit := range t.threshold {
			if b > limit+slack {
				slow[i] += n
			}
		}
	}
	return total
}

func (t *latencyTest) bet(at int64) {
	b := &t.block
	for i, q := range t.quantiles {
		limit := min(1, capFactor*(1-q))
		if t.past != nil && b.newN > b.oldN {
			limit = 1
		}
		x := float64(b.newSlow[i]) / float64(b.newN)
		y := 0.0
		if t.past == nil {
			y = t.share[i]
			limit = min(1, max(limit, 2*y))
		} else {
			y = min(limit, float64(b.oldSlow[i])/float64(b.oldN))
		}
		won := (min(limit, x) - y) / limit
		for j, bold := range boldness {
			h := i*len(boldness) + j
			t.factors[h] = math.Log1p(bold * won)
			t.tallies[h].add(at, t.factors[h], b.newN, b.newSlow[i], b.oldN, b.oldSlow[i])
			t.tallies[h].newLimit, t.tallies[h].oldLim = float64(t.threshold[i]+t.slack), float64(t.threshold[i])
		}
		b.newSlow[i], b.oldSlow[i] = 0, 0
	}
	t.add(t.factors)
	b.newN, b.oldN = 0, 0
	t.ready = t.past == nil
}
