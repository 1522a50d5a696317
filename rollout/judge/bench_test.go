package judge

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkDetection prints the table beside both baselines: go test -run '^$' -bench Detection ./rollout/judge
func BenchmarkDetection(b *testing.B) {
	late, slow, bursts, outages := usual, usual, usual, usual
	late.NewErrors, late.Onset = 0.02, 10*time.Minute
	slow.Latency, slow.Slower, slow.Minutes = 20*time.Millisecond, 3, 10
	bursts.NewErrors, bursts.Burst = 0.05, 20
	outages.NewErrors, outages.Outages = 0.02, 6
	type scenario struct {
		name string
		Scenario
		runs int
	}
	all := []scenario{{"late", late, 200}, {"latency x3", slow, 50}, {"bursts", bursts, 200}, {"outages of both", outages, 200}}
	for _, rate := range []float64{0.01, 0.02, 0.05, 0.10} {
		s := usual
		s.NewErrors = rate
		all = append(all, scenario{fmt.Sprintf("errors %g%%", 100*rate), s, 200})
	}
	for _, s := range all {
		b.Run(s.name, func(b *testing.B) {
			var table Table
			for b.Loop() {
				table = Simulate(s.Scenario, Config{}, s.runs, 1)
			}
			b.Log("\n" + table.String())
			for i, name := range []string{"goodstate", "kayenta", "3minutes"} {
				r := table.Rows[i]
				if r.Median != nil {
					b.ReportMetric(*r.Median, name+"-median-s")
				}
				b.ReportMetric(100*r.False, name+"-false-%")
			}
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, latency := range map[string]time.Duration{"errors only": 0, "errors and latency": 20 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			s := usual
			s.Latency = latency
			w := newWorld(s, 1, 1)
			seconds := make([]Second, 600)
			for i := range seconds {
				seconds[i] = w.next()
			}
			j := New(Config{})
			b.ReportAllocs()
			for i := int64(1); b.Loop(); i++ {
				second := seconds[i%600]
				second.Unix = i
				j.Observe(second)
			}
		})
	}
}
