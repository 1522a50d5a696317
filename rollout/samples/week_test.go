package samples

import (
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

func TestTheWorstMomentsOfAnHourAreKept(t *testing.T) {
	w := &Week{Dir: t.TempDir()}
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var all []traffic.Second
	for i := range int64(3600) {
		s := traffic.Second{Unix: began.Unix() + i, Release: "v1", Requests: 20, Latency: traffic.Histogram{40: 20}}
		switch {
		case i >= 1000 && i < 1005:
			s.Errors = 10
		case i >= 2000 && i < 2005:
			s.Latency = traffic.Histogram{90: 20}
		}
		all = append(all, s, traffic.Second{Unix: s.Unix, Release: "v0", Requests: 5})
	}
	for i := 0; i < len(all); i += 400 { // as they come, and some of them again
		now := time.Unix(all[min(i+399, len(all)-1)].Unix+1, 0)
		if err := w.Add("web", "v1", all[max(0, i-100):min(i+400, len(all))], now); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Add("web", "v1", nil, began.Add(61*time.Minute)); err != nil {
		t.Fatal(err)
	}
	kept, err := Good(w.Dir, "web", time.Time{}, 10)
	if err != nil || len(kept) != 1 {
		t.Fatalf("%d files, %v", len(kept), err)
	}
	seen, errors, slow := map[int64]int{}, int64(0), 0
	for _, s := range kept[0].Seconds {
		seen[s.Unix]++
		errors += s.New.Errors
		if s.New.Latency[90] > 0 {
			slow++
		}
		if s.New.Release != "v1" || seen[s.Unix] > 1 {
			t.Fatalf("%+v", s)
		}
	}
	if errors != 50 || slow != 5 || len(kept[0].Seconds) > 2*windowsKept*windowLong {
		t.Errorf("kept are %d seconds with %d errors and %d slow ones, want 50 and 5 in at most %d", len(kept[0].Seconds), errors, slow, 2*windowsKept*windowLong)
	}
}

func TestAnHourEndsWithItsRelease(t *testing.T) {
	w := &Week{Dir: t.TempDir()}
	now := time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC)
	for i, release := range []string{"v1", "v2"} {
		at := now.Add(time.Duration(i) * time.Minute)
		if err := w.Add("web", release, []traffic.Second{{Unix: at.Unix() - 1, Release: release, Requests: 3}}, at); err != nil {
			t.Fatal(err)
		}
	}
	if since := w.Since("web", now); since.Unix() < now.Unix() {
		t.Errorf("seconds from %s on are asked for again", since)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	kept, err := Good(w.Dir, "web", time.Time{}, 10)
	if err != nil || len(kept) != 2 || kept[0].New == kept[1].New {
		t.Fatalf("%+v %v", kept, err)
	}
}
