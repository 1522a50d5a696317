package engine

import (
	"slices"
	"sync"

	"goodstate.dev/goodstate/core/py"
)

// Count is what happened on one host.
type Count struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Unreachable int `json:"unreachable"`
	Failed      int `json:"failures"`
	Skipped     int `json:"skipped"`
	Rescued     int `json:"rescued"`
	Ignored     int `json:"ignored"`
}

// Stats counts results by host.
type Stats struct {
	mu     sync.Mutex
	counts map[string]*Count
	// Custom are the values of set_stats: by host, and "_run" for the whole run.
	Custom *py.Dict
}

func newStats() *Stats { return &Stats{counts: map[string]*Count{}, Custom: py.NewDict()} }

func (s *Stats) of(host string) *Count {
	c := s.counts[host]
	if c == nil {
		c = &Count{}
		s.counts[host] = c
	}
	return c
}

// Hosts lists the hosts that did anything, by name.
func (s *Stats) Hosts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.counts))
	for name := range s.counts {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Count is a host's.
func (s *Stats) Count(host string) Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counts[host]; c != nil {
		return *c
	}
	return Count{}
}

func (s *Stats) add(host string, what ...func(*Count) *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of(host)
	for _, field := range what {
		*field(c)++
	}
}

func ok(c *Count) *int          { return &c.OK }
func changed(c *Count) *int     { return &c.Changed }
func unreachable(c *Count) *int { return &c.Unreachable }
func failures(c *Count) *int    { return &c.Failed }
func skipped(c *Count) *int     { return &c.Skipped }
func rescued(c *Count) *int     { return &c.Rescued }
func ignored(c *Count) *int     { return &c.Ignored }

// custom sets or adds up a value of set_stats.
func (s *Stats) custom(host, key string, value any, aggregate bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of, found := s.Custom.Get(host)
	d, _ := of.(*py.Dict)
	if !found {
		d = py.NewDict()
		s.Custom.Set(host, d)
	}
	old, has := d.Get(key)
	if !aggregate || !has {
		d.Set(key, value)
		return
	}
	if sum, fits := added(old, value); fits {
		d.Set(key, sum)
	}
}

func added(a, b any) (any, bool) {
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return x + y, true
		}
	case float64:
		if y, ok := b.(float64); ok {
			return x + y, true
		}
	case string, py.Unsafe:
		switch b.(type) {
		case string, py.Unsafe:
			return py.Unsafe(py.Str(a) + py.Str(b)), true
		}
	case *py.List:
		if y, ok := b.(*py.List); ok {
			return py.NewList(append(append([]any{}, x.Items...), y.Items...)...), true
		}
	case *py.Dict:
		if y, ok := b.(*py.Dict); ok {
			sum := x.Copy()
			for k, v := range y.All() {
				sum.Set(k, v)
			}
			return sum, true
		}
	}
	return nil, false
}
