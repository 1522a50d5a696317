package web

import (
	"time"

	"goodstate.dev/goodstate/drift/record"
)

// trend draws how many resources were not good at the end of each of a playbook's last runs.
type trend struct {
	Width, Height int
	Top           int // what the full height stands for
	From, To      time.Time
	Bars          []bar
}

// bar is the part of one run that is in one state.
type bar struct {
	Look, Text  string
	X, Y, W, Hi float64
}

const (
	trendRuns   = 40
	trendWidth  = 800
	trendHeight = 100
)

// trendOf is nil where there is nothing to draw.
func trendOf(points []record.Point) *trend {
	if len(points) == 0 {
		return nil
	}
	t := &trend{Width: trendWidth, Height: trendHeight, Top: 1, From: points[0].At, To: points[len(points)-1].At}
	for _, p := range points {
		t.Top = max(t.Top, p.Counts.Differing()+p.Counts.Unknown)
	}
	step := float64(trendWidth) / float64(len(points))
	for i, p := range points {
		y := float64(trendHeight)
		for _, part := range []struct {
			n          int
			look, word string
		}{{p.Counts.Drifted, "drifted", "drifted"}, {p.Counts.Flapping, "flapping", "flapping"}, {p.Counts.Pending, "pending", "pending changes"}, {p.Counts.Unknown, "unknown", "unknown"}} {
			if part.n == 0 {
				continue
			}
			h := float64(part.n) * trendHeight / float64(t.Top)
			y -= h
			t.Bars = append(t.Bars, bar{Look: part.look, Text: p.At.Local().Format("2 Jan 15:04") + ": " + count(part.n, part.word), X: float64(i)*step + 1, Y: y, W: min(step-2, 60), Hi: h})
		}
	}
	return t
}
