package schedule

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	night := Window{From: 22 * 60, To: 4 * 60, Days: []Day{Day(time.Friday)}, TZ: "Europe/Berlin"}
	office := Window{From: 9 * 60, To: 17*60 + 30, Days: []Day{1, 2, 3, 4, 5}, TZ: "UTC"}
	for _, c := range []struct {
		why    string
		window Window
		at     string
		want   bool
	}{
		{"the zero window is always open", Window{}, "2026-01-01T03:04:05Z", true},
		{"opens to the minute", office, "2026-01-05T09:00:00Z", true},
		{"not a second earlier", office, "2026-01-05T08:59:59Z", false},
		{"the last second is inside", office, "2026-01-05T17:29:59Z", true},
		{"the end is outside", office, "2026-01-05T17:30:00Z", false},
		{"not on Sunday", office, "2026-01-04T12:00:00Z", false},
		{"Friday night", night, "2026-01-09T22:30:00+01:00", true},
		{"goes on after midnight", night, "2026-01-10T03:59:00+01:00", true},
		{"ends on Saturday morning", night, "2026-01-10T04:00:00+01:00", false},
		{"Friday morning belongs to Thursday", night, "2026-01-09T03:00:00+01:00", false},
		{"Saturday night is not Friday night", night, "2026-01-10T22:30:00+01:00", false},
		{"told in its own zone", night, "2026-07-10T20:30:00Z", true},
		{"until midnight", Window{From: 20 * 60, To: 24 * 60, TZ: "UTC"}, "2026-01-05T23:59:59Z", true},
		{"a zone that is not known contains nothing", Window{TZ: "Mars/Olympus"}, "2026-01-05T23:59:59Z", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			if got := c.window.Contains(moment(t, c.at)); got != c.want {
				t.Errorf("%+v contains %s: %v, want %v", c.window, c.at, got, c.want)
			}
		})
	}
	if err := (Window{TZ: "Mars/Olympus"}).Validate(); err == nil {
		t.Error("an unknown zone was accepted")
	}
}

func TestClocksAndDaysSayWhatTheyWant(t *testing.T) {
	var w Window
	if err := json.Unmarshal([]byte(`{"From":"22:05","To":"24:00","Days":["fri","Sunday"]}`), &w); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(w.From, w.To, w.Days); text != "22:05 24:00 [fri sun]" {
		t.Errorf("read %s", text)
	}
	for _, wrong := range []string{"24:01", "7", "12:60", "-1:00", "12:5", "012:00", ""} {
		if err := new(Clock).UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q was accepted as a time of the day", wrong)
		}
	}
	if err := new(Day).UnmarshalText([]byte("someday")); err == nil {
		t.Error("someday was accepted as a day")
	}
}

func TestJitterIsSteadyAndSpreads(t *testing.T) {
	first, again := Jitter("web1", time.Hour), Jitter("web1", time.Hour)
	if first != again {
		t.Error("the same host waits differently long")
	}
	if d := Jitter("web1", 0); d != 0 {
		t.Errorf("no jitter wanted, got %s", d)
	}
	var quarters [4]int
	for i := range 4000 {
		quarters[Jitter(fmt.Sprint("web", i), time.Hour)/(15*time.Minute)]++
	}
	for i, n := range quarters {
		if n < 800 || n > 1200 {
			t.Errorf("%d of 4000 hosts are in quarter %d, want about 1000", n, i)
		}
	}
}
