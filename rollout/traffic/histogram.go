package traffic

import (
	"math"
	"time"
)

// Histogram counts latencies in buckets whose bounds grow by an eighth of a power of two (9 %), from 100 µs on.
// It is sparse: only buckets that counted something are kept. The zero value is empty and ready.
type Histogram map[int]int64

const (
	histogramBase = 100 * time.Microsecond
	perDoubling   = 8
)

// BucketOf tells which bucket counts a latency: 0 is everything up to 100 µs.
func BucketOf(d time.Duration) int {
	if d <= histogramBase {
		return 0
	}
	return int(math.Ceil(perDoubling * math.Log2(float64(d)/float64(histogramBase))))
}

// BucketLimit is the upper bound of a bucket.
func BucketLimit(bucket int) time.Duration {
	return time.Duration(float64(histogramBase) * math.Exp2(float64(bucket)/perDoubling))
}

// Add counts all of o into h.
func (h Histogram) Add(o Histogram) {
	for b, n := range o {
		h[b] += n
	}
}

// Count is the number of latencies counted.
func (h Histogram) Count() int64 {
	var n int64
	for _, c := range h {
		n += c
	}
	return n
}

// Above is the number of latencies in buckets above the given one.
func (h Histogram) Above(bucket int) int64 {
	var n int64
	for b, c := range h {
		if b > bucket {
			n += c
		}
	}
	return n
}

// Quantile is the bucket in which the q-quantile (0 to 1) lies, and false for an empty histogram.
func (h Histogram) Quantile(q float64) (bucket int, ok bool) {
	total := h.Count()
	if total == 0 {
		return 0, false
	}
	last := 0
	for b := range h {
		last = max(last, b)
	}
	want := int64(math.Ceil(q * float64(total)))
	var seen int64
	for b := 0; b <= last; b++ {
		seen += h[b]
		if seen >= max(want, 1) {
			return b, true
		}
	}
	return last, true
}
