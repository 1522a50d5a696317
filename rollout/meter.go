package rollout

import (
	"context"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/runtime"
)

// meter measures what the instances of a service use. CPU is what was used since the reading before, so the first one has
// none and gives nothing.
type meter struct {
	runtime runtime.Runtime
	at      time.Time
	again   map[string]int     // restarts by release, when it was read last; nil: not known
	cpu     map[string]float64 // seconds used, by instance and start
}

func newMeter(r runtime.Runtime) *meter { return &meter{runtime: r} }

// read tells what the busiest instance of each release uses. A release that was not measured is missing: nothing is known.
func (m *meter) read(ctx context.Context, service string, now time.Time) map[string]*judge.Use {
	all, err := m.runtime.List(ctx, service)
	if err != nil {
		m.cpu, m.again = nil, nil
		return nil
	}
	passed := now.Sub(m.at).Seconds()
	before := m.cpu
	m.at, m.cpu, m.again = now, map[string]float64{}, map[string]int{}
	uses := map[string]*judge.Use{}
	for _, in := range all {
		m.again[in.Release] += in.Restarts
		if in.State != runtime.Running || in.PID == 0 {
			continue
		}
		key := in.ID + in.Started.String()
		m.cpu[key] = in.CPU
		was, known := before[key]
		if !known || passed <= 0 {
			continue
		}
		u := uses[in.Release]
		if u == nil {
			u = &judge.Use{}
			uses[in.Release] = u
		}
		u.CPU, u.Memory = max(u.CPU, (in.CPU-was)/passed), max(u.Memory, in.RSS)
	}
	return uses
}

// restarts are those of a release at the last reading; nil: not known.
func (m *meter) restarts(release string) *int {
	n, ok := m.again[release]
	if !ok {
		return nil
	}
	return &n
}
