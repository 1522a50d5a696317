package bench

import (
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

func init() {
	if os.Getenv("GOODSTATE_BENCH_PROXY") != "" {
		f, _ := os.Create("/tmp/prof/cpu")
		_ = pprof.StartCPUProfile(f)
		go func() { time.Sleep(12 * time.Second); pprof.StopCPUProfile(); f.Close() }()
	}
}

func BenchmarkOurs(b *testing.B) {
	up := upstream(b)
	t := ours(b, up)
	for b.Loop() {
		began := time.Now()
		n := 0
		before := t.cpu(b)
		for time.Since(began) < 8*time.Second {
			run(b, t.addr, connections, 6000, 0)
			n += 6000
		}
		b.ReportMetric((t.cpu(b)-before)/float64(n)*1e4, "cpu/10k")
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "req/s")
	}
	time.Sleep(4*time.Second)
}
