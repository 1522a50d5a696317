package analysis

import (
	"strings"
	"testing"
	"time"
)

func TestAChartBreaksItsLineWhereNothingWasAnswered(t *testing.T) {
	errs, latency := Charts([]Point{
		{Unix: 100, Requests: 10},
		{Unix: 101, Requests: 10, Errors: 1, P90: 5 * time.Millisecond},
		{Unix: 105, Requests: 10},
		{Unix: 101, New: true, Requests: 4, Errors: 2, P90: 40 * time.Millisecond},
	}, []Mark{{time.Unix(101, 0), "first error"}, {time.Time{}, "never"}})
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
	if none, _ := Charts(nil, nil); none != nil {
		t.Error("a chart was drawn of nothing")
	}
}

func TestALongRolloutHasNoMoreColumnsThanAShortOne(t *testing.T) {
	var points []Point
	for at := range int64(100_000) {
		points = append(points, Point{Unix: at, Requests: 1})
	}
	errs, _ := Charts(points, nil)
	if n := strings.Count(errs.Old[0], ","); n > chartColumns+2 {
		t.Errorf("the line has %d places, want %d at most", n, chartColumns+2)
	}
}
