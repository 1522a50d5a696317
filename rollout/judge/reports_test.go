package judge

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"goodstate.dev/goodstate/rollout/traffic"
)

// asked is a second of both releases with sessions and reports.
func asked(unix, newN, newK, oldN, oldK int64) Second {
	second := func(n int64) traffic.Second { return traffic.Second{Requests: 10 * n, Sessions: n} }
	return Second{Unix: unix, New: second(newN), Old: second(oldN), NewReports: newK, OldReports: oldK}
}

func TestReportsFromTheNewReleaseAloneTakeItBack(t *testing.T) {
	j := New(Config{Reports: true})
	for at := int64(1); at <= 30; at++ {
		reports := int64(0)
		if at >= 10 {
			reports = 1
		}
		bad := j.Observe(asked(at, 3, reports, 7, 0))
		if len(bad) == 0 {
			continue
		}
		f := bad[0]
		if n := j.reports.newK; f.Check != "user reports" || n > 12 || n < 3 {
			t.Errorf("after %d reports: %s", n, f)
		}
		if !strings.Contains(f.Observed, "came from the new release; it serves 30% of the sessions") {
			t.Errorf("it says %s", f.Observed)
		}
		return
	}
	t.Error("twenty reports from three tenths of the sessions do not take it back")
}

func TestReportsOfBothReleasesAlikeSayNothing(t *testing.T) {
	j := New(Config{Reports: true})
	for at := int64(1); at <= 600; at++ {
		newK, oldK := int64(0), int64(0)
		if at%10 == 0 {
			newK = 1
		} else if at%4 == 0 {
			oldK = 1
		}
		if bad := j.Observe(asked(at, 3, newK, 7, oldK)); len(bad) > 0 {
			t.Fatalf("after %ds: %v", at, bad)
		}
	}
}

// The new release is not worse: its users report as often as the old one's, some seconds after they were served. Its share grows
// in steps meanwhile. What is taken back is a false alarm.
func TestFalseAlarmsOfReportsStayWithinAlpha(t *testing.T) {
	const runs = 400
	alarms := 0
	for i := range runs {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		j := New(Config{Reports: true, Alpha: 0.05, Compare: compareNone})
		var newLater, oldLater [660]int64
		for at := range int64(600) {
			share := []float64{0.05, 0.25, 0.5}[at/200]
			newN, oldN := int64(100*share), int64(100-100*share)
			for range newN {
				if r.Float64() < 0.001 {
					newLater[at+r.Int64N(60)]++
				}
			}
			for range oldN {
				if r.Float64() < 0.001 {
					oldLater[at+r.Int64N(60)]++
				}
			}
			if len(j.Observe(asked(at+1, newN, newLater[at], oldN, oldLater[at]))) > 0 {
				alarms++
				break
			}
		}
	}
	if rate := float64(alarms) / runs; rate > 0.05/3 {
		t.Errorf("%d of %d good releases were taken back (%.2f%%), want at most %.2f%%", alarms, runs, 100*rate, 100*0.05/3)
	} else {
		t.Logf("%d of %d good releases were taken back", alarms, runs)
	}
}

func TestWithoutTheOldReleaseReportsAreComparedWithItsPast(t *testing.T) {
	j := New(Config{Reports: true, Compare: compareNone})
	for at := range int64(300) {
		j.History(traffic.Second{Unix: at, Requests: 10, Sessions: 60})
	}
	j.Reported(1)
	j.Beside(false)
	for at := int64(301); at <= 900; at++ {
		reports := int64(0)
		if at%5 == 0 {
			reports = 1
		}
		if bad := j.Observe(asked(at, 60, reports, 0, 0)); len(bad) > 0 {
			if bad[0].Check != "user reports against the past" || at < 310 {
				t.Errorf("after %ds: %v", at, bad)
			}
			return
		}
	}
	t.Error("a report in five minutes of sessions, where it was one in 300, does not take it back")
}

func TestWithoutReportsTheOtherTestsAreAsStrictAsBefore(t *testing.T) {
	beside, alone := Config{Alpha: 0.01}.needed()
	if got := [2]string{fmt.Sprintf("%.3f", beside), fmt.Sprintf("%.3f", alone)}; got != [2]string{"5.586", "6.685"} {
		t.Errorf("needed are %v", got)
	}
	more, _ := Config{Alpha: 0.01, Reports: true}.needed()
	if more <= beside {
		t.Error("a third kind of harm is free")
	}
}
