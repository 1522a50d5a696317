package proxy

import "sync"

// sessions remembers which release served each client last, to tell how many clients each release has at the moment. What it
// remembers is bounded: where two clients have the same place, the later one takes it.
type sessions struct {
	once   sync.Once
	shards [16]sessionShard
}

type sessionShard struct {
	mu    sync.Mutex
	seats []seat
}

type seat struct {
	client  uint64
	release *release
	seen    int64 // second
}

const (
	sessionSpan  = 60 // seconds after which a client who asks no more has gone
	sessionSeats = 1 << 12
)

// seen notes that the release has answered the client.
func (s *sessions) seen(client uint64, rel *release, unix int64) {
	s.once.Do(func() {
		for i := range s.shards {
			s.shards[i].seats = make([]seat, sessionSeats)
		}
	})
	shard := &s.shards[client%uint64(len(s.shards))]
	at := &shard.seats[client/uint64(len(s.shards))%sessionSeats]
	shard.mu.Lock()
	*at = seat{client, rel, unix}
	shard.mu.Unlock()
}

// count tells how many clients each release has.
func (s *sessions) count(unix int64) map[string]int64 {
	found := map[string]int64{}
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, at := range shard.seats {
			if at.release != nil && at.seen > unix-sessionSpan {
				found[at.release.id]++
			}
		}
		shard.mu.Unlock()
	}
	return found
}
