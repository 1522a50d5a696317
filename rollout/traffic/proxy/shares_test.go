package proxy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/rollout/traffic"
)

func sizes(shares []share) map[string]int {
	out := make(map[string]int)
	from := 0
	for _, s := range shares {
		out[s.Release] += s.To - from
		from = s.To
	}
	return out
}

// randomWeights are of up to four releases and add up to all traffic.
func randomWeights(t *rapid.T) map[string]int {
	n := rapid.IntRange(1, 4).Draw(t, "releases")
	w := make(map[string]int)
	left := traffic.Full
	for i := range n {
		k := left
		if i < n-1 {
			k = rapid.IntRange(0, left).Draw(t, "weight")
		}
		w[rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "release")] += k
		left -= k
	}
	return w
}

func TestSharesFollowTheWeightsAndMoveAsFewPositionsAsPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var shares []share
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			weights := randomWeights(t)
			before := shares
			shares = reshare(before, weights)
			got := sizes(shares)
			grown := 0
			for release, w := range weights {
				if got[release] != w {
					t.Fatalf("release %s has %d positions, want %d: %v", release, got[release], w, shares)
				}
				grown += max(0, w-sizes(before)[release])
			}
			if again := reshare(shares, weights); !slices.Equal(again, shares) {
				t.Fatalf("the same weights moved positions: %v, then %v", shares, again)
			}
			if before == nil {
				continue
			}
			moved := 0
			for p := range traffic.Full {
				was, is := before[owner(before, p)].Release, shares[owner(shares, p)].Release
				if was == is {
					continue
				}
				moved++
				if weights[was] >= sizes(before)[was] {
					t.Fatalf("position %d left %s, whose weight did not shrink", p, was)
				}
			}
			if moved != grown {
				t.Fatalf("%d positions moved, %d had to: %v to %v", moved, grown, before, shares)
			}
		}
	})
}

func TestNoWeightsGiveNoShares(t *testing.T) {
	if s := reshare([]share{{traffic.Full, "a"}}, map[string]int{"a": 0}); s != nil {
		t.Errorf("got %v", s)
	}
}

func TestPositionsAreEvenAndStayTheSame(t *testing.T) {
	if p := position("00112233445566778899aabb"); p != position("00112233445566778899aabb") || p < 0 || p >= traffic.Full {
		t.Errorf("position %d", p)
	}
	const n, cells = 100_000, 100
	var count [cells]float64
	for i := range n {
		count[position(fmt.Sprintf("%024x", i))*cells/traffic.Full]++
	}
	chi := 0.0
	for _, c := range count {
		chi += math.Pow(c-n/cells, 2) / (n / cells)
	}
	if chi > 160 { // 99 degrees of freedom: 1 in 10,000 above 159
		t.Errorf("chi-squared %.1f", chi)
	}
}

func TestAFewerRequestsInstanceIsPreferredAndOneAsideOnlyWhenThereIsNoOther(t *testing.T) {
	a, b, c := &instance{name: "a"}, &instance{name: "b"}, &instance{name: "c"}
	p := &pool{instances: []*instance{a, b, c}}
	a.inflight.Store(3)
	b.inflight.Store(1)
	c.inflight.Store(2)
	for range 20 {
		if got := p.pick(nil, 0); got != b {
			t.Fatalf("picked %s, want b", got.name)
		}
	}
	b.aside.Store(100)
	if got := p.pick(nil, 50); got != c {
		t.Errorf("picked %s while b is aside, want c", got.name)
	}
	if got := p.pick(nil, 100); got != b {
		t.Errorf("picked %s after b was aside, want b", got.name)
	}
	if got := p.pick([]*instance{a, c}, 50); got != b {
		t.Errorf("want b as the last one")
	}
	if got := p.pick(p.instances, 50); got != nil {
		t.Errorf("all tried, got %s", got.name)
	}
	seen := map[*instance]bool{}
	for _, in := range p.instances {
		in.inflight.Store(0)
		in.aside.Store(0)
	}
	for range 200 {
		seen[p.pick(nil, 0)] = true
	}
	if len(seen) != 3 {
		t.Errorf("equals are not shared: %v", slices.Collect(maps.Keys(seen)))
	}
}
