package proxy

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// failing remembers the clients whose last answer was an error, so that one client that fails again and again counts once.
// Clients that are well take no room; of the failing ones the newest are kept.
type failing struct {
	n      atomic.Int64 // how many are remembered: while nobody fails, good answers cost one load
	shards [32]failingShard
}

type failingShard struct {
	mu   sync.Mutex
	slot map[uint64]int // where the client stands in ring
	ring []uint64       // in order of arrival; overwritten from next on
	next int
}

// failingMost is how many failing clients are remembered.
const failingMost = 100_000

// outcome is what an answer is to the client: good, failed, or failed again.
func (f *failing) outcome(client uint64, bad bool) outcome {
	if !bad && f.n.Load() == 0 {
		return good
	}
	s := &f.shards[client%uint64(len(f.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.slot[client]
	switch {
	case !bad && known:
		delete(s.slot, client)
		f.n.Add(-1)
		return good
	case !bad:
		return good
	case known:
		return failedAgain
	}
	if s.slot == nil {
		s.slot = make(map[uint64]int)
	}
	if most := failingMost / len(f.shards); len(s.ring) < most {
		s.slot[client] = len(s.ring)
		s.ring = append(s.ring, client)
		f.n.Add(1)
		return failed
	}
	// The slot's former client goes, unless it has recovered or has come again at another slot since.
	if at, ok := s.slot[s.ring[s.next]]; ok && at == s.next {
		delete(s.slot, s.ring[s.next])
		f.n.Add(-1)
	}
	s.ring[s.next] = client
	s.slot[client] = s.next
	s.next = (s.next + 1) % len(s.ring)
	f.n.Add(1)
	return failed
}

// clientKey tells clients apart: by the id in their cookie, else by address and browser.
func clientKey(id, ip, agent string) uint64 {
	if id != "" {
		return maphash.String(seed, id)
	}
	return maphash.String(seed, ip) ^ maphash.String(seed, agent)*31
}
