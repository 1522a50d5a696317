package source

import (
	"testing"
	"time"
)

func TestProgressSaysHowLongItTakesYet(t *testing.T) {
	began := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name                string
		took                time.Duration
		files, bytes, total int64
		about               bool
		want                string
	}{
		{"at the beginning", 0, 0, 0, 0, false, "0 KiB"},
		{"too early for a rate", 100 * time.Millisecond, 3, 4 << 20, 0, false, "3 files, 4 MiB"},
		{"a rate", 10 * time.Second, 3, 100 << 20, 0, false, "3 files, 100 MiB, 10 MiB/s"},
		{"time left", 10 * time.Second, 3, 100 << 20, 400 << 20, false, "3 files, 100 MiB of 400 MiB, 10 MiB/s, 30s left"},
		{"an estimate", 10 * time.Second, 0, 100 << 20, 400 << 20, true, "100 MiB of about 400 MiB, 10 MiB/s, 30s left"},
		{"more than was thought", 10 * time.Second, 0, 3 << 30, 1 << 30, true, "3.0 GiB of about 1.0 GiB, 307 MiB/s"},
	} {
		if got := Progress(began, began.Add(c.took), c.files, c.bytes, c.total, c.about); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
