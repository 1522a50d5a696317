package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/traffic/proxy"
)

// TestMain makes the test binary the proxy that is measured, when its environment says so.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GOODSTATE_BENCH_PROXY"); dir != "" {
		if err := proxy.Main(context.Background(), proxy.Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	rounds      = 12
	connections = 32
	perRound    = 6000 // requests at full speed
	calmRound   = 1500 // requests at a calm rate
	calmConns   = 4
	calmPause   = 4 * time.Millisecond
)

// figures are what one proxy did in one round.
type figures struct {
	perSecond     float64
	cpu           float64 // seconds for 10,000 requests
	p50, p99      float64 // microseconds at full speed
	calm50, calm9 float64 // microseconds at a calm rate, more than without a proxy
}

// BenchmarkAgainstHAProxyAndNginx sends the same requests through each proxy in turns, in an order that is shuffled for each round, and
// compares what belongs to the same round; the medians of the ratios are reported. A ratio of requests/s above 1 means that we
// are faster, one of CPU or latency above 1 that we use more.
func BenchmarkAgainstHAProxyAndNginx(b *testing.B) {
	up := upstream(b)
	targets := []*target{ours(b, up), haproxy(b, up), nginx(b, up)}
	direct := &target{name: "direct", addr: up}
	got := make(map[string][]figures)
	for b.Loop() {
		for range rounds {
			baseline := run(b, direct.addr, calmConns, calmRound, calmPause)
			rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
			for _, t := range targets {
				run(b, t.addr, connections, perRound/10, 0) // warm
				before, began := t.cpu(b), time.Now()
				fast := run(b, t.addr, connections, perRound, 0)
				took := time.Since(began).Seconds()
				used := t.cpu(b) - before
				calm := run(b, t.addr, calmConns, calmRound, calmPause)
				got[t.name] = append(got[t.name], figures{
					perSecond: perRound / took, cpu: used * 10_000 / perRound,
					p50: quantile(fast, 0.5), p99: quantile(fast, 0.99),
					calm50: quantile(calm, 0.5) - quantile(baseline, 0.5), calm9: quantile(calm, 0.99) - quantile(baseline, 0.99),
				})
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.Logf("%d processors, %d rounds of %d requests over %d connections; medians", runtime.NumCPU(), len(got["ours"]), perRound, connections)
	b.Logf("%-8s %10s %14s %10s %10s %12s %12s", "", "requests/s", "CPU s/10k req", "p50 µs", "p99 µs", "added p50 µs", "added p99 µs")
	for _, name := range []string{"ours", "haproxy", "nginx"} {
		m := func(f func(figures) float64) float64 { return median(got[name], f) }
		b.Logf("%-8s %10.0f %14.3f %10.0f %10.0f %12.0f %12.0f", name, m(func(f figures) float64 { return f.perSecond }), m(func(f figures) float64 { return f.cpu }),
			m(func(f figures) float64 { return f.p50 }), m(func(f figures) float64 { return f.p99 }), m(func(f figures) float64 { return f.calm50 }), m(func(f figures) float64 { return f.calm9 }))
	}
	for _, other := range []string{"haproxy", "nginx"} {
		for _, ratio := range []struct {
			name string
			of   func(figures) float64
		}{
			{"req/s", func(f figures) float64 { return f.perSecond }},
			{"cpu", func(f figures) float64 { return f.cpu }},
			{"p50", func(f figures) float64 { return f.p50 }},
			{"p99", func(f figures) float64 { return f.p99 }},
			{"added-p50", func(f figures) float64 { return f.calm50 }},
			{"added-p99", func(f figures) float64 { return f.calm9 }},
		} {
			var ratios []float64
			for i := range got["ours"] {
				ratios = append(ratios, ratio.of(got["ours"][i])/ratio.of(got[other][i]))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], ratio.name+"/"+other)
		}
	}
}

func median(all []figures, of func(figures) float64) float64 {
	v := make([]float64, len(all))
	for i, f := range all {
		v[i] = of(f)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Nanoseconds()) / 1e3
}
