package judge

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// choose is the logarithm of n over k.
func choose(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// A failure that falls on either release in proportion to its odds: the split of k failures over both is Fisher's
// noncentral hypergeometric with odds ratio m, m = 1 being pure chance.
func TestABetOnErrorsIsNeverInFavourOfAReleaseThatIsNotWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newN, oldN := rapid.Int64Range(1, 60).Draw(t, "new"), rapid.Int64Range(1, 200).Draw(t, "old")
		k := rapid.Int64Range(0, newN+oldN).Draw(t, "failures")
		m := rapid.Float64Range(1, 4).Draw(t, "accepted")
		expected := make([]float64, len(worseBy))
		total := math.Inf(-1)
		low, high := max(0, k-oldN), min(k, newN)
		weight := func(on int64) float64 {
			return choose(newN, on) + choose(oldN, k-on) + float64(on)*math.Log(m)
		}
		for on := low; on <= high; on++ {
			total = addLogs(total, weight(on))
		}
		for on := low; on <= high; on++ {
			e := newErrorsBeside()
			e.observe(1, m, newN, on, oldN, k-on)
			for i, f := range e.factors {
				expected[i] += math.Exp(weight(on) - total + f)
			}
		}
		for i, v := range expected {
			if v > 1+1e-9 {
				t.Fatalf("%g times worse: the expected factor is %g, want at most 1", worseBy[i], v)
			}
		}
	})
}

func TestAllStakesTogetherAreOne(t *testing.T) {
	e := newEvidence(3)
	nothing := make([]float64, 3)
	for range 100_000 {
		e.add(nothing)
	}
	if got := e.log(); math.Abs(got) > 1e-6 {
		t.Errorf("after 100,000 seconds without a sign the odds are exp(%g), want exactly 1", got)
	}
}

func TestEvidenceSurvivesExtremeCounts(t *testing.T) {
	e := newErrorsBeside()
	for i := range int64(10_000) {
		e.observe(i, 1, 1_000_000, 1_000_000, 1, 0)
		e.observe(i, 1, 1, 0, 1_000_000, 1_000_000)
		e.observe(i, 1, 1, 0, 1_000_000, 1)
	}
	if v := e.log(); math.IsNaN(v) || math.IsInf(v, 0) {
		t.Errorf("odds exp(%g)", v)
	}
}

func TestDrawsHaveTheRightMeanAndSpread(t *testing.T) {
	d := newDraw(1, 2)
	const n = 20_000
	for _, c := range []struct {
		name           string
		mean, variance float64
		draw           func() int64
	}{
		{"few", 0.5, 0.5, func() int64 { return d.poisson(0.5) }},
		{"many", 900, 900, func() int64 { return d.poisson(900) }},
		{"a tenth of a thousand", 100, 90, func() int64 { return d.binomial(1000, 0.1) }},
		{"nine tenths of ten", 9, 0.9, func() int64 { return d.binomial(10, 0.9) }},
	} {
		var sum, squares float64
		for range n {
			v := float64(c.draw())
			sum += v
			squares += v * v
		}
		mean := sum / n
		variance := squares/n - mean*mean
		if math.Abs(mean-c.mean) > 5*math.Sqrt(c.variance/n) || math.Abs(variance/c.variance-1) > 0.1 {
			t.Errorf("%s: mean %g and variance %g, want %g and %g", c.name, mean, variance, c.mean, c.variance)
		}
	}
}

// One second in which all requests of the new release are slow, as in a garbage collection, must not be a proof.
func TestOneClumpOfSlowRequestsIsNoProof(t *testing.T) {
	w := newWorld(Scenario{CanaryRPS: 1000, StableRPS: 9000, Latency: 20 * time.Millisecond}, 5, 6)
	j := New(Config{})
	for range 60 {
		j.Observe(w.next())
	}
	s := w.next()
	for b, n := range s.New.Latency {
		delete(s.New.Latency, b)
		s.New.Latency[200] += n
	}
	j.Observe(s)
	for _, e := range j.State().Tests {
		if e.Odds > 0.5 {
			t.Errorf("%s: odds of 10^%.2f after one slow second, want less than 10^0.5", e.Test, e.Odds)
		}
	}
}
