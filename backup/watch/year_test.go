package watch

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A shop's year: copied each hour, grows, takes photos in by the hundred, sleeps at night, is released every week, imports the supplier's list each month, has its
// images made anew in spring and old orders archived in autumn.
func TestAnOrdinaryYearRaisesNoGraveAlarm(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same year each time
		at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
		size, warnings := 200.0*mib, 0
		history := []Copy{{ID: "0", At: at, Bytes: int64(size), Fresh: int64(size), Written: int64(size * 0.55)}}
		for n := 1; n < 365*24; n++ {
			at = at.Add(time.Hour)
			c := hour(r, at, &size)
			c.ID, c.At = fmt.Sprint(n), at
			for _, a := range Judge("shop", history[max(0, len(history)-200):], c) {
				warnings++
				if a.Severity == Grave {
					t.Errorf("year %d, %s: %s", seed, at.Format("2 Jan 15:04"), a.Text)
				}
			}
			history = append(history, c)
		}
		if warnings > 4 {
			t.Errorf("year %d has %d warnings", seed, warnings)
		}
	}
}

// hour is a copy of an ordinary hour.
func hour(r *rand.Rand, at time.Time, size *float64) Copy {
	fresh, written, more := 0.0, 0.0, 0.0
	brings := func(bytes, density float64) {
		fresh, written = fresh+bytes, written+bytes*(density+r.Float64()*0.04)
	}
	if h := at.Hour(); h > 6 && h < 22 && at.Weekday() != time.Sunday {
		orders := r.Float64() * mib / 20
		more += orders
		brings(orders+r.Float64()*2*mib, 0.5)
		if r.IntN(40) == 0 {
			photos := r.Float64() * 20 * mib // which nothing makes smaller
			more += photos
			brings(photos, 0.95)
		}
	}
	switch {
	case at.Weekday() == time.Tuesday && at.Hour() == 10:
		brings(0.1**size, 0.5) // a release
	case at.Day() == 1 && at.Hour() == 2:
		brings(0.3**size, 0.3) // the supplier's list
	case at.YearDay() == 90 && at.Hour() == 3:
		brings(0.6**size, 0.55) // images are made anew, with their texts
	case at.YearDay() == 280 && at.Hour() == 3:
		more -= 0.25 * *size // old orders go to the archive
	}
	*size += more
	return Copy{Bytes: int64(*size), Fresh: int64(fresh), Written: int64(written)}
}
