package web

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/analysis"
)

func TestALoginLeadsToAPageHereAndNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/services/web?before=3":  "/services/web?before=3",
		"":                        "/",
		"services":                "/",
		"//evil.example":          "/",
		"https://evil.example/":   "/",
		`/\evil.example`:          "/",
		"/a\r\nSet-Cookie: x=y":   "/",
		"javascript:alert(1)":     "/",
		"/\tevil.example":         "/",
		"http:/evil.example":      "/",
		"/rollouts/web-1?x=http:": "/rollouts/web-1?x=http:",
	} {
		if got := local(next); got != want {
			t.Errorf("after the login %q leads to %q, want %q", next, got, want)
		}
	}
}

func TestTimesAreSaidInTheLargestUnitThatSaysEnough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 300 * time.Microsecond: "under 1ms", 42 * time.Millisecond: "42ms", 2500 * time.Millisecond: "2.5s", 90 * time.Second: "90s",
		20 * time.Minute: "20 min", 30 * time.Hour: "30 h", 72 * time.Hour: "3 days",
	} {
		if got := took(d); got != want {
			t.Errorf("%v is said as %q, want %q", d, got, want)
		}
	}
}

func TestAChartBreaksItsLineWhereNothingWasAnswered(t *testing.T) {
	errs, latency := chartsOf([]analysis.Point{
		{Unix: 100, Requests: 10},
		{Unix: 101, Requests: 10, Errors: 1, P90: 5 * time.Millisecond},
		{Unix: 105, Requests: 10},
		{Unix: 101, New: true, Requests: 4, Errors: 2, P90: 40 * time.Millisecond},
	}, []mark{{time.Unix(101, 0), "first error"}, {time.Time{}, "never"}})
	if len(errs.Old) != 2 || len(errs.New) != 1 {
		t.Errorf("the old release has %d lines and the new one %d, want 2 and 1", len(errs.Old), len(errs.New))
	}
	if want := "Failed requests: at most 10% on the old release and 50% on the new one"; errs.Words != want {
		t.Errorf("the chart says %q, want %q", errs.Words, want)
	}
	if errs.Top != "50%" || latency.Top != "50 ms" {
		t.Errorf("the scales end at %s and %s, want 50%% and 50 ms", errs.Top, latency.Top)
	}
	if len(errs.Marks) != 1 || errs.Marks[0].Text != "first error" {
		t.Errorf("marks are %v, want the one of the first error", errs.Marks)
	}
	if none, _ := chartsOf(nil, nil); none != nil {
		t.Error("a chart was drawn of nothing")
	}
}

func TestALongRolloutHasNoMoreColumnsThanAShortOne(t *testing.T) {
	var points []analysis.Point
	for at := range int64(100_000) {
		points = append(points, analysis.Point{Unix: at, Requests: 1})
	}
	errs, _ := chartsOf(points, nil)
	if n := strings.Count(errs.Old[0], ","); n > chartColumns+2 {
		t.Errorf("the line has %d places, want %d at most", n, chartColumns+2)
	}
}
