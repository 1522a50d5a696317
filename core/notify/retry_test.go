package notify

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWhenAFailedNoticeIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		why        string
		attempts   int
		age, after time.Duration
		final      bool
		chance     float64
		want       outcome
	}{
		{"soon after the first failure", 1, 0, 0, false, 1, outcome{wait: time.Second}},
		{"with luck sooner", 1, 0, 0, false, 0, outcome{wait: 500 * time.Millisecond}},
		{"doubling", 4, time.Minute, 0, false, 1, outcome{wait: 8 * time.Second}},
		{"never longer than ten minutes", 100, time.Hour, 0, false, 1, outcome{wait: 10 * time.Minute}},
		{"as late as the other side asks", 1, 0, time.Hour, false, 1, outcome{wait: time.Hour}},
		{"not sooner because the other side asks for little", 4, 0, time.Second, false, 1, outcome{wait: 8 * time.Second}},
		{"once more before the day is over", 100, 23*time.Hour + 59*time.Minute, 0, false, 1, outcome{wait: time.Minute}},
		{"a wait beyond the day is cut", 1, 23 * time.Hour, 5 * time.Hour, false, 1, outcome{wait: time.Hour}},
		{"given up after a day", 100, 24 * time.Hour, 0, false, 1, outcome{dead: true, why: "given up after 24h0m0s"}},
		{"given up at once", 1, 0, 0, true, 1, outcome{dead: true, why: "trying again cannot help"}},
	} {
		if got := afterFailure(c.attempts, c.age, c.final, c.after, c.chance); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.why, got, c.want)
		}
	}
}

func TestANoticeIsNeverTriedInATightLoopNorForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		age := time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "age"))
		out := afterFailure(rapid.IntRange(1, 1<<40).Draw(t, "attempts"), age, false,
			time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "after")), rapid.Float64Range(0, 1).Draw(t, "chance"))
		switch {
		case out.dead != (age >= oldest):
			t.Fatalf("%s old: %+v", age, out)
		case !out.dead && out.wait < min(firstWait/2, oldest-age):
			t.Fatalf("too soon: %+v", out)
		case !out.dead && age+out.wait > oldest:
			t.Fatalf("after it is given up: %+v", out)
		}
	})
}

func TestRetryAfterIsReadAsSecondsOrDate(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "0": 0, "-5": 0, "soon": 0, "99999999999999999999": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:30 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
