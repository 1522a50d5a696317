package auth

import (
	"container/list"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// ThrottledError says that too many logins failed; Wait is how long the next one has to wait.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed logins; try again in %s", (e.Wait + time.Second - 1).Truncate(time.Second))
}

// limit is how many failures are free and how long the waits get: one second after the first that is not free, doubling up to most.
// A name's wait stays short, because everybody can make a stranger's name wait; an address has itself to blame.
type limit struct {
	free int
	most time.Duration
}

var (
	nameLimit    = limit{free: 5, most: time.Minute}
	addressLimit = limit{free: 20, most: 15 * time.Minute}
)

// wait is the pause after so many failures.
func (l limit) wait(failures int) time.Duration {
	over := failures - l.free
	if over < 0 {
		return 0
	}
	if over > 20 {
		return l.most
	}
	return min(time.Second<<over, l.most)
}

const (
	throttleSize   = 10_000    // names and addresses that are remembered; the one not seen for longest goes first
	throttleMemory = time.Hour // failures that are older do not count
)

// throttle remembers failed logins, in memory.
type throttle struct {
	mu      sync.Mutex
	entries map[string]*list.Element
	recent  *list.List // of *failures, the last used first
}

type failures struct {
	key   string
	count int
	until time.Time // no login before
	last  time.Time
}

func newThrottle() *throttle {
	return &throttle{entries: map[string]*list.Element{}, recent: list.New()}
}

// begin counts a login as failed before it is looked at, so that many at the same moment are all counted; forgive takes it back.
func (t *throttle) begin(name, address string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	byName, byAddress := t.entry("name "+name, now), t.entry("address "+network(address), now)
	if until := later(byName.until, byAddress.until); until.After(now) {
		return &ThrottledError{Wait: until.Sub(now)}
	}
	byName.fail(nameLimit, now)
	byAddress.fail(addressLimit, now)
	return nil
}

// forgive takes back what begin counted: all of the name, but only this one of the address, so that one good password does not open the way for guessing others.
func (t *throttle) forgive(name, address string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	byName, byAddress := t.entry("name "+name, now), t.entry("address "+network(address), now)
	byName.count, byName.until = 0, time.Time{}
	byAddress.count, byAddress.until = max(0, byAddress.count-1), time.Time{}
}

func (f *failures) fail(l limit, now time.Time) {
	f.count++
	f.last = now
	f.until = now.Add(l.wait(f.count))
}

// entry finds or makes the entry of a key and marks it as used.
func (t *throttle) entry(key string, now time.Time) *failures {
	if e, ok := t.entries[key]; ok {
		t.recent.MoveToFront(e)
		f := e.Value.(*failures)
		if now.Sub(f.last) > throttleMemory {
			f.count, f.until = 0, time.Time{}
		}
		return f
	}
	if t.recent.Len() >= throttleSize {
		oldest := t.recent.Back()
		delete(t.entries, oldest.Value.(*failures).key)
		t.recent.Remove(oldest)
	}
	f := &failures{key: key, last: now}
	t.entries[key] = t.recent.PushFront(f)
	return f
}

// network is what one attacker has: an IPv4 address, or the /64 of an IPv6 address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is6() {
		if prefix, err := ip.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
