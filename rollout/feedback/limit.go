package feedback

import (
	"crypto/hmac"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	limitSpan     = 10 * time.Minute
	serviceMost   = 600    // reports of one service in limitSpan, whoever sends them
	mostAddresses = 10_000 // that are remembered; when they are more, the oldest are forgotten
)

// limits count reports by address and by service, in memory: after a restart everybody begins anew.
type limits struct {
	mu      sync.Mutex
	sources map[string][]time.Time
	order   []string // of sources, by first report
	all     []time.Time
}

// allow counts a report and says whether it may be sent. What was refused is not counted.
func (l *limits) allow(source string, most int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sources == nil {
		l.sources = map[string][]time.Time{}
	}
	mine := recent(l.sources[source], now)
	l.all = recent(l.all, now)
	switch {
	case len(mine) >= most:
		return &refusal{429, "You have sent several reports already. Please wait a few minutes."}
	case len(l.all) >= serviceMost:
		return &refusal{429, "Very many reports come in at the moment. Please try again later."}
	}
	if _, known := l.sources[source]; !known {
		l.order = append(l.order, source)
	}
	l.sources[source] = append(mine, now)
	l.all = append(l.all, now)
	for len(l.order) > mostAddresses {
		delete(l.sources, l.order[0])
		l.order = l.order[1:]
	}
	return nil
}

func recent(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= limitSpan {
		times = times[1:]
	}
	return times
}

// place is the part of an address that one household or one attacker has: all of IPv4, the first half of IPv6.
func place(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}

// A form carries a ticket: when it was made, with a keyed hash. Who sends a form faster than a person can write, or one that
// was never asked for, is a program.
const (
	ticketLeast = 1500 * time.Millisecond
	ticketMost  = 24 * time.Hour
)

func (s *Spool) ticket(service string, now time.Time) (string, error) {
	at := strconv.FormatInt(now.UnixMilli(), 36)
	sum, err := s.hash("ticket", service+" "+at)
	return at + "." + sum, err
}

func (s *Spool) checkTicket(service, ticket string, now time.Time) error {
	at, sum, _ := strings.Cut(ticket, ".")
	want, err := s.hash("ticket", service+" "+at)
	if err != nil {
		return err
	}
	ms, err := strconv.ParseInt(at, 36, 64)
	if err != nil || !hmac.Equal([]byte(sum), []byte(want)) {
		return &refusal{400, "This form is not ours. Please open it again."}
	}
	switch age := now.Sub(time.UnixMilli(ms)); {
	case age < ticketLeast:
		return &refusal{400, "That was faster than anybody can write. Please send it once more."}
	case age > ticketMost:
		return &refusal{400, fmt.Sprintf("This form is older than %d hours. Please open it again.", int(ticketMost.Hours()))}
	}
	return nil
}
