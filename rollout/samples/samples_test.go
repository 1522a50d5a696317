package samples

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/traffic"
)

func second(unix, n int64) judge.Second {
	return judge.Second{Unix: unix, New: traffic.Second{Unix: unix, Release: "v2", Requests: n, Latency: traffic.Histogram{3: n}}}
}

func TestSamplesComeBackAsTheyWereKept(t *testing.T) {
	dir := Folder(t.TempDir())
	k := Kept{Run: "rollout-web-1", Service: "web", New: "v2", Good: true, Seconds: []judge.Second{second(10, 5), second(11, 7)}}
	if err := errors.Join(Write(dir, k), Write(dir, k), Write(dir, Kept{Run: "rollout-web-2", Service: "web"})); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir, k.Run)
	if err != nil || len(got.Seconds) != 2 || got.Seconds[1].New.Latency[3] != 7 {
		t.Fatalf("%+v %v", got, err)
	}
	all, err := Good(dir, "web", time.Now().Add(-time.Hour), 5)
	if err != nil || len(all) != 1 || all[0].Run != k.Run {
		t.Fatalf("good are %+v, %v", all, err)
	}
	if _, err := Read(dir, "rollout-web-3"); !errors.Is(err, ErrNone) {
		t.Errorf("nothing was kept, and it says %v", err)
	}
	for _, hostile := range []string{"../goodstate", "a/b", "", ".."} {
		if _, err := Read(dir, hostile); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("the run %q is looked for: %v", hostile, err)
		}
	}
}

func TestALongRolloutKeepsItsBeginningAndItsEnd(t *testing.T) {
	dir := t.TempDir()
	k := Kept{Run: "long"}
	for i := range int64(mostSeconds + 500) {
		k.Seconds = append(k.Seconds, judge.Second{Unix: i})
	}
	if err := Write(dir, k); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir, "long")
	if err != nil || len(got.Seconds) != mostSeconds || got.Seconds[0].Unix != 0 || got.Seconds[mostSeconds-1].Unix != mostSeconds+499 {
		t.Fatalf("%d seconds, %v", len(got.Seconds), err)
	}
}

func TestOldSamplesGoAndADamagedFileIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	for _, run := range []string{"old", "new"} {
		if err := Write(dir, Kept{Run: run, Service: "web", Good: true}); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * keepFor)
	if err := errors.Join(os.Chtimes(filepath.Join(dir, "old"+suffix), long, long), os.WriteFile(filepath.Join(dir, "broken"+suffix), []byte("no gzip"), 0o600), Tidy(dir, time.Now())); err != nil {
		t.Fatal(err)
	}
	all, err := Good(dir, "web", time.Time{}, 9)
	if err != nil || len(all) != 1 || all[0].Run != "new" {
		t.Fatalf("%+v %v", all, err)
	}
}

func TestWhatWasMeasuredStaysWhenTheSameSecondIsCountedAgain(t *testing.T) {
	measured := second(10, 5)
	measured.NewUse = &judge.Use{CPU: 0.5}
	again := second(10, 6)
	got := Add([]judge.Second{measured, second(12, 1)}, append(Pair([]traffic.Second{again.New, {Unix: 11, Release: "v1", Requests: 3}, {Unix: 11, Release: "", Requests: 9}}, "v2", "v1"), judge.Second{Unix: 12}))
	if len(got) != 3 || got[0].New.Requests != 6 || got[0].NewUse == nil || got[1].Old.Requests != 3 || got[2].New.Requests != 1 {
		t.Fatalf("%+v", got)
	}
}
