package schedule

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNextMoments(t *testing.T) {
	for _, c := range []struct {
		why, expr, tz, after string
		want                 []string
	}{
		{"every day at the same time", "30 2 * * *", "UTC", "2026-01-05T00:00:00Z", []string{"2026-01-05T02:30:00Z", "2026-01-06T02:30:00Z"}},
		{"a moment is never its own next", "30 2 * * *", "UTC", "2026-01-05T02:30:00Z", []string{"2026-01-06T02:30:00Z"}},
		{"parts of a second count", "30 2 * * *", "UTC", "2026-01-05T02:29:59.999Z", []string{"2026-01-05T02:30:00Z"}},
		{"shorthand", "@daily", "Europe/Berlin", "2026-07-01T12:00:00Z", []string{"2026-07-02T00:00:00+02:00"}},
		{"working days by name", "0 9 * * mon-fri", "UTC", "2026-01-02T10:00:00Z", []string{"2026-01-05T09:00:00Z"}},
		{"seven is Sunday", "0 9 * * 7", "UTC", "2026-01-02T10:00:00Z", []string{"2026-01-04T09:00:00Z"}},
		{"Friday to Sunday with a seven", "0 9 * * 5-7", "UTC", "2026-01-02T10:00:00Z", []string{"2026-01-03T09:00:00Z", "2026-01-04T09:00:00Z", "2026-01-09T09:00:00Z"}},
		{"either day field is enough when both are given", "0 0 13 * fri", "UTC", "2026-01-09T01:00:00Z", []string{"2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z"}},
		{"29 February across a year that is no leap year", "0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		{"clocks go forward: once, after the gap", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"several times in the gap are one", "*/10 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
		{"the gap and the hour after it are one", "0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
		{"every hour skips the gap", "30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"}},
		{"every quarter hour goes on at once after the gap", "*/15 * * * *", "Europe/Berlin", "2026-03-29T00:45:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00"}},
		{"clocks go back: the first time only", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"asked between the two times", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T02:30:00+01:00"}},
		{"every half hour happens in both hours", "*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", []string{
			"2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00",
		}},
		{"the hour after the repeated one", "0 3 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", []string{"2026-10-25T03:00:00+01:00"}},
		{"midnight does not exist", "0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", []string{"2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"}},
		{"midnight exists twice", "0 0 * * *", "America/Havana", "2026-10-31T12:00:00Z", []string{"2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"}},
		{"a change of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T10:00:00Z", []string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"a day that does not exist at all", "0 12 * * *", "Pacific/Apia", "2011-12-29T23:00:00Z", []string{"2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"}},
		{"intervals stand on the clock", "@every 15m", "UTC", "2026-01-05T02:01:00Z", []string{"2026-01-05T02:15:00Z", "2026-01-05T02:30:00Z"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			s, err := Parse(c.expr, c.tz)
			if err != nil {
				t.Fatal(err)
			}
			at := moment(t, c.after)
			for _, want := range c.want {
				if at = s.Next(at); !at.Equal(moment(t, want)) {
					t.Fatalf("%s: next is %s, want %s", s, at.Format(time.RFC3339), want)
				}
			}
		})
	}
}

func TestWrongExpressionsSayWhichFieldAndWhatIsAllowed(t *testing.T) {
	for expr, want := range map[string]string{
		"61 * * * *":       `minute "61"`,
		"* 24 * * *":       "want 0-23",
		"* * 0 * *":        "want 1-31",
		"* * * foo *":      "1-12 or jan-dec",
		"* * * * 8":        `day of week "8"`,
		"* * * * 5-":       `day of week "5-"`,
		"1,,2 * * * *":     "element of the list is empty",
		", * * * *":        "element of the list is empty",
		"*/0 * * * *":      `minute "*/0"`,
		"0 0 * * * *":      "seconds are not supported",
		"0 0":              "it has 2 fields",
		"":                 "it is empty",
		"@reboot":          "unknown shorthand",
		"@every soon":      "is no duration",
		"@every 1ms":       "shortest interval is 1s",
		"TZ=UTC 0 0 * * *": "time zone is a setting of its own",
		"TZ=UTC":           "time zone is a setting of its own",
		"0 0 30 2 *":       "never happens",
	} {
		if _, err := Parse(expr, "UTC"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want one with %q", expr, err, want)
		}
	}
	if _, err := Parse("@daily", "Europe/Nowhere"); err == nil || !strings.Contains(err.Error(), `"Europe/Nowhere" is not known`) {
		t.Errorf("unknown zone: error is %v", err)
	}
}

func TestTheZeroScheduleNeverHappens(t *testing.T) {
	var s Schedule
	if at := s.Next(time.Now()); !at.IsZero() || !s.IsZero() || s.String() != "never" {
		t.Errorf("zero schedule: next %s, text %q", at, s)
	}
}

// In every zone, over every change of its clocks: the next moment is later, nothing lies between, and outside of gaps it shows the wall time asked for.
func TestNextAlwaysGoesForwardAndLeavesNothingOut(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		hour, minute := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		after := time.Unix(rapid.Int64Range(0, 2_500_000_000).Draw(t, "after"), 0)
		s, err := Parse(Clock(minute).String()[3:]+" "+Clock(hour).String()[3:]+" * * *", zone)
		if err != nil {
			t.Fatal(err)
		}
		next := s.Next(after)
		if !next.After(after) || next.Sub(after) > 25*time.Hour+30*time.Minute {
			t.Fatalf("%s after %s: %s", s, after.UTC(), next)
		}
		if earlier := s.Next(next.Add(-time.Second)); !earlier.Equal(next) {
			t.Fatalf("%s: asked one second before %s it says %s", s, next, earlier)
		}
		shows := next.Hour() == hour && next.Minute() == minute
		if start, _ := next.ZoneBounds(); !shows && !start.Equal(next) {
			t.Fatalf("%s: %s is neither the time asked for nor the end of a gap", s, next)
		}
	})
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
