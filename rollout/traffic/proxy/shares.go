package proxy

import (
	"hash/maphash"
	"slices"

	"goodstate.dev/goodstate/rollout/traffic"
)

// share is a stretch of the positions [0, traffic.Full): it begins where the one before ends, and its release serves it.
type share struct {
	To      int    `json:"to"` // first position after the stretch
	Release string `json:"release"`
}

// reshare gives every release as many positions as its weight says, moving as few as possible: a release that shrinks gives
// up positions at the ends of its stretches, and those that grow take them. So a user whose release grows, or stays as it is,
// is never moved. The weights add up to traffic.Full, or to nothing, which leaves no shares.
func reshare(old []share, weights map[string]int) []share {
	total := 0
	surplus := make(map[string]int, len(weights)) // positions to give up, or, below zero, to take
	for release, w := range weights {
		total += w
		surplus[release] -= w
	}
	if total == 0 {
		return nil
	}
	from := 0
	for _, s := range old {
		surplus[s.Release] += s.To - from
		from = s.To
	}
	if from < traffic.Full {
		old = append(slices.Clone(old), share{To: traffic.Full}) // positions that nobody has
		surplus[""] += traffic.Full - from
	}
	var growing []string
	for release, n := range surplus {
		if n < 0 {
			growing = append(growing, release)
		}
	}
	slices.Sort(growing)

	var out []share
	put := func(n int, release string) {
		if n == 0 {
			return
		}
		to := n
		if len(out) > 0 {
			to += out[len(out)-1].To
			if out[len(out)-1].Release == release {
				out[len(out)-1].To = to
				return
			}
		}
		out = append(out, share{To: to, Release: release})
	}
	from = 0
	for _, s := range old {
		length := s.To - from
		from = s.To
		free := min(length, max(surplus[s.Release], 0))
		surplus[s.Release] -= free
		put(length-free, s.Release)
		for _, release := range growing {
			n := min(free, -surplus[release])
			surplus[release] += n
			free -= n
			put(n, release)
		}
	}
	return out
}

// owner is the index of the share that a position lies in.
func owner(shares []share, position int) int {
	for i := range shares {
		if position < shares[i].To {
			return i
		}
	}
	return len(shares) - 1
}

// position spreads client ids evenly over [0, traffic.Full) and is the same in every process and version: FNV-1a, then the
// finalizer of MurmurHash3 because FNV's high bits alone are uneven for short texts.
func position(id string) int {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return int((h ^ h>>33) % traffic.Full)
}

// seed makes client keys differ from process to process, so that nobody can choose colliding ones.
var seed = maphash.MakeSeed()
