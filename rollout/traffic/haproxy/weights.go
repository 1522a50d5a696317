package haproxy

import (
	"math"

	"goodstate.dev/goodstate/rollout/traffic"
)

const heaviest = 256 // of HAProxy

// weigh turns shares of traffic by release into weights of servers: the share of a release is spread evenly over its
// servers. HAProxy knows whole numbers up to 256; those that come nearest to the shares are taken. A release with a share
// above zero never gets the weight zero, and one without servers gets none.
func weigh(shares map[string]int, servers map[string]int) map[string]int {
	each := map[string]float64{} // share of one server
	most := 0.0
	for release, share := range shares {
		if n := servers[release]; n > 0 && share > 0 {
			each[release] = float64(share) / float64(n)
			most = max(most, each[release])
		}
	}
	best, wrong := map[string]int{}, math.Inf(1)
	for top := heaviest; top > heaviest/2; top-- {
		weights, sum := map[string]int{}, 0.0
		for release, share := range each {
			weights[release] = max(1, int(math.Round(share/most*float64(top))))
			sum += float64(weights[release] * servers[release])
		}
		off, all := 0.0, 0
		for release := range each {
			all += shares[release]
		}
		for release := range each {
			got := float64(weights[release]*servers[release]) / sum
			off += math.Abs(got-float64(shares[release])/float64(all)) * traffic.Full
		}
		if off < wrong-1e-9 {
			best, wrong = weights, off
		}
	}
	return best
}
