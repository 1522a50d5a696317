package report

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/drift/record"
)

// chart is a trend as bars, one for each run, in units of an SVG.
type chart struct {
	Width, Height, Top int
	From, To           time.Time
	Bars               []bar
}

type bar struct {
	Look, Text string
	X, Y, W, H string
}

const (
	chartWidth  = 960
	chartHeight = 120
)

// bars is nil where there are fewer than two runs, which are no trend.
func bars(points []record.Point) *chart {
	if len(points) < 2 {
		return nil
	}
	c := &chart{Width: chartWidth, Height: chartHeight, Top: 1, From: points[0].At, To: points[len(points)-1].At}
	for _, p := range points {
		c.Top = max(c.Top, p.Counts.Differing()+p.Counts.Unknown)
	}
	step := float64(chartWidth) / float64(len(points))
	for i, p := range points {
		y := float64(chartHeight)
		for _, part := range []struct {
			n    int
			look string
		}{{p.Counts.Drifted, "drifted"}, {p.Counts.Flapping, "flapping"}, {p.Counts.Pending, "pending"}, {p.Counts.Unknown, "unknown"}} {
			if part.n == 0 {
				continue
			}
			h := float64(part.n) * chartHeight / float64(c.Top)
			y -= h
			c.Bars = append(c.Bars, bar{part.look, fmt.Sprintf("%s: %d %s", clock(p.At), part.n, part.look), length(float64(i) * step), length(y), length(max(step-2, 1)), length(h)})
		}
	}
	return c
}

func length(v float64) string { return fmt.Sprintf("%.1f", v) }
