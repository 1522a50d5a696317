package service

import (
	"fmt"
	"testing"

	"goodstate.dev/goodstate/rollout/traffic"
)

func TestPodsAreChosenSoThatTheirNumbersComeNearestToTheShare(t *testing.T) {
	route := func(weight, newUp, oldUp int) traffic.Route {
		r := traffic.Route{Weights: map[string]int{"new": weight, "old": traffic.Full - weight}}
		for i := range newUp {
			r.Backends = append(r.Backends, traffic.Backend{Release: "new", URL: fmt.Sprintf("http://10.0.1.%d:80", i)})
		}
		for i := range oldUp {
			r.Backends = append(r.Backends, traffic.Backend{Release: "old", URL: fmt.Sprintf("http://10.0.2.%d:80", i)})
		}
		return r
	}
	for _, c := range []struct {
		name                           string
		weight, newUp, oldUp, new, old int
		only                           string
	}{
		{"half of two and two is all", 5000, 2, 2, 2, 2, ""},
		{"a tenth is one of ten", 1000, 1, 9, 1, 9, ""},
		{"a quarter of one new takes three old", 2500, 1, 10, 1, 3, ""},
		{"less than there are pods for is one beside all", 100, 1, 4, 1, 4, ""},
		{"all is the release's name", traffic.Full, 2, 2, 0, 0, "new"},
		{"none is the other's name", 0, 2, 2, 0, 0, "old"},
	} {
		only, addresses := share(route(c.weight, c.newUp, c.oldUp))
		newUp, oldUp := 0, 0
		for _, a := range addresses {
			if a[:7] == "10.0.1." {
				newUp++
			} else {
				oldUp++
			}
		}
		if only != c.only || newUp != c.new || oldUp != c.old {
			t.Errorf("%s: %q, %d new and %d old, want %q, %d and %d", c.name, only, newUp, oldUp, c.only, c.new, c.old)
		}
	}
}
