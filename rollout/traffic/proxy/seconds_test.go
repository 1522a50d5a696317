package proxy

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

func second(unix int64, release string, n int64) traffic.Second {
	return traffic.Second{Unix: unix, Release: release, Requests: n, Latency: traffic.Histogram{3: n}}
}

func TestSecondsAreInOrderAddedUpAndForgotten(t *testing.T) {
	s, err := openSeconds(t.TempDir(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	if err := s.add("web", []traffic.Second{second(9_990, "v2", 1), second(9_990, "v1", 2), second(9_980, "v1", 3)}, 10_000); err != nil {
		t.Fatal(err)
	}
	if err := s.add("web", []traffic.Second{second(9_990, "v1", 5)}, 10_000); err != nil {
		t.Fatal(err)
	}
	got := s.since("web", time.Unix(0, 0))
	if len(got) != 3 || got[0].Unix != 9_980 || got[1].Release != "v1" || got[1].Requests != 7 || got[1].Latency[3] != 7 || got[2].Release != "v2" {
		t.Errorf("got %+v", got)
	}
	if got := s.since("web", time.Unix(9_980, 1)); len(got) != 2 {
		t.Errorf("from a moment later: %+v", got)
	}
	if err := s.add("web", nil, 9_985+keepSeconds); err != nil {
		t.Fatal(err)
	}
	if got := s.since("web", time.Unix(0, 0)); len(got) != 2 {
		t.Errorf("old seconds are kept: %+v", got)
	}
	if got := s.since("shop", time.Unix(0, 0)); len(got) != 0 {
		t.Errorf("another service: %+v", got)
	}
}

func TestFilesOfSecondsTakeTurnsAndACutLineIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	now := int64(100_000)
	s, err := openSeconds(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 * keepSeconds / 60 { // a second in each minute for 100 minutes
		if err := s.add("web", []traffic.Second{second(now, "v1", 1)}, now); err != nil {
			t.Fatal(err)
		}
		now += 60
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{secondsName, secondsName + ".1"} {
		at, err := os.Stat(filepath.Join(dir, name))
		if err != nil || at.Size() > 4_000 {
			t.Errorf("%s has %d bytes, %v", name, at.Size(), err)
		}
	}
	path := filepath.Join(dir, secondsName)
	writeFile(t, path, readFile(t, path)+`{"service":"web","t":1`)
	for range 2 { // the second time behind what the first wrote after the cut line
		s, err := openSeconds(dir, now)
		if err != nil {
			t.Fatal(err)
		}
		before := len(s.since("web", time.Unix(0, 0)))
		if before < 15 {
			t.Errorf("%d seconds are known, want those of at least 15 minutes, as routers promise", before)
		}
		now++
		if err := s.add("web", []traffic.Second{second(now, "v1", 1)}, now); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err = openSeconds(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	if got := s.since("web", time.Unix(now-1, 0)); len(got) != 2 {
		t.Errorf("lines behind the cut one: %+v", got)
	}
}

func TestOnlySecondsThatHaveEndedAreCollected(t *testing.T) {
	var c counts
	c.add(good, time.Millisecond)
	c.add(failed, time.Millisecond)
	c.add(failedAgain, time.Millisecond)
	c.add(aborted, 0)
	if got := c.collect("v1", 0); len(got) != 0 {
		t.Errorf("collected %+v", got)
	}
	if c.empty() {
		t.Error("looks empty")
	}
	var sum traffic.Second
	for _, s := range c.collect("v1", time.Now().Unix()+1) {
		sum.Requests += s.Requests
		sum.Errors += s.Errors
		sum.Bursts += s.Bursts
		sum.Aborted += s.Aborted
	}
	if sum.Requests != 3 || sum.Errors != 2 || sum.Bursts != 1 || sum.Aborted != 1 || !c.empty() {
		t.Errorf("collected %+v", sum)
	}
}
