package process

import (
	"testing"
	"time"
)

func TestRestartsPauseLongerEachTimeAndEnd(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(minutes ...int) (at []time.Time) {
		for _, m := range minutes {
			at = append(at, now.Add(-time.Duration(m)*time.Minute))
		}
		return at
	}
	for _, c := range []struct {
		name     string
		restarts []time.Time
		limit    int
		pause    time.Duration
		again    bool
	}{
		{"none are allowed", nil, 0, 0, false},
		{"the first comes soon", nil, 3, 250 * time.Millisecond, true},
		{"the third waits four times as long", ago(2, 1), 3, time.Second, true},
		{"the fourth of three does not come", ago(3, 2, 1), 3, 0, false},
		{"restarts of long ago do not count", ago(30, 20, 11, 1), 3, 500 * time.Millisecond, true},
		{"no pause is longer than half a minute", ago(9, 8, 8, 7, 6, 5, 4, 3, 2, 1), 100, 30 * time.Second, true},
	} {
		pause, again := nextStart(now, c.restarts, c.limit)
		if pause != c.pause || again != c.again {
			t.Errorf("%s: got %v, %v; want %v, %v", c.name, pause, again, c.pause, c.again)
		}
	}
}
