package log

import (
	"testing"
	"time"

	"goodstate.dev/goodstate/core/journal"
)

// The three things that may not be slower than results come: how fast they are put into the index of words, handed on to a cluster, and found.
func BenchmarkAHundredThousandResults(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		y, c := newYard(b), newCluster(b)
		x, stop := y.shipper("elasticsearch", 10_000_000, map[string]any{"url": c.URL, "ca": c.ca(b)})
		y.ready(x)
		began := time.Now()
		for range n / 10_000 {
			y.many(10_000)
		}
		b.ReportMetric(n/time.Since(began).Seconds(), "recorded/s")
		y.ready(x)
		b.ReportMetric(n/time.Since(began).Seconds(), "shipped/s")
		stop()
		began = time.Now()
		if behind, err := y.log.catchUp(b.Context(), time.Hour); err != nil || behind != 0 {
			b.Fatal(behind, err)
		}
		b.ReportMetric(n/time.Since(began).Seconds(), "indexed/s")
		began = time.Now()
		p, err := y.log.Search(b.Context(), Filter{Query: `host:web7 "task 7"`, Limit: 100})
		if err != nil || len(p.Entries) == 0 {
			b.Fatal(p, err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/search")
		if said, err := journal.New(y.s).List(b.Context(), journal.Filter{}); err != nil || len(said) != 0 {
			b.Fatal(said, err)
		}
	}
}
