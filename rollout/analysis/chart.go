package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Chart is a drawing of one figure over time, for the old release and the new one.
type Chart struct {
	Title, Words   string // Words says what is to be seen to who does not see it
	Old, New       []string
	Marks          []ChartMark
	Top            string
	From, To       time.Time
	Width, Height  int
	HasNew, HasOld bool
}

// Mark is a moment worth a line.
type Mark struct {
	At   time.Time
	Text string
}

// ChartMark is a mark as it stands in the drawing.
type ChartMark struct {
	X    string
	Text string
}

const (
	chartWidth, chartHeight = 720, 150
	chartColumns            = 180 // at most so many places on the time line; longer rollouts get longer steps
)

// sum is what one release answered in one step of a chart.
type sum struct {
	n, errors int64
	slow      time.Duration // the slowest p90 of the step's seconds
}

// Charts draws the share of errors and the latency.
func Charts(points []Point, marks []Mark) (errs, latency *Chart) {
	if len(points) == 0 {
		return nil, nil
	}
	byTime := func(a, b Point) int { return int(a.Unix - b.Unix) }
	first, last := slices.MinFunc(points, byTime).Unix, slices.MaxFunc(points, byTime).Unix
	step := (last-first)/chartColumns + 1
	columns := int((last-first)/step) + 1
	sums := [2][]sum{make([]sum, columns), make([]sum, columns)}
	for _, p := range points {
		side := 0
		if p.New {
			side = 1
		}
		c := &sums[side][(p.Unix-first)/step]
		c.n, c.errors, c.slow = c.n+p.Requests, c.errors+p.Errors, max(c.slow, p.P90)
	}
	d := drawing{sums, first, step, columns, marks}
	errs = d.draw("Failed requests", "%.3g%%", func(s sum) float64 { return float64(s.errors) * 100 / float64(s.n) }, 1)
	latency = d.draw("Latency, 90th percentile", "%.3g ms", func(s sum) float64 { return float64(s.slow) / float64(time.Millisecond) }, 1)
	return errs, latency
}

type drawing struct {
	sums        [2][]sum
	first, step int64
	columns     int
	marks       []Mark
}

// draw makes one chart; least is the smallest scale, so that noise near nothing does not look like a mountain.
func (d drawing) draw(title, unit string, value func(sum) float64, least float64) *Chart {
	c := &Chart{Title: title, Width: chartWidth, Height: chartHeight, From: time.Unix(d.first, 0), To: time.Unix(d.first+int64(d.columns)*d.step, 0)}
	top := least
	var most [2]float64
	for side, sums := range d.sums {
		for _, s := range sums {
			if s.n > 0 {
				most[side] = max(most[side], value(s))
			}
		}
		top = max(top, most[side])
	}
	top = nice(top)
	c.Top = fmt.Sprintf(unit, top)
	c.Old, c.HasOld = d.lines(d.sums[0], value, top)
	c.New, c.HasNew = d.lines(d.sums[1], value, top)
	c.Words = fmt.Sprintf("%s: at most "+unit+" on the old release and "+unit+" on the new one", title, most[0], most[1])
	for _, m := range d.marks {
		if at := m.At.Unix(); !m.At.IsZero() && at >= d.first {
			c.Marks = append(c.Marks, ChartMark{fmt.Sprintf("%.1f", d.x(int((at-d.first)/d.step))), m.Text})
		}
	}
	return c
}

func (d drawing) x(column int) float64 {
	return (float64(column) + 0.5) * chartWidth / float64(d.columns)
}

// lines joins neighbouring steps; where nothing was answered the line is broken, because nothing is not zero.
func (d drawing) lines(sums []sum, value func(sum) float64, top float64) (lines []string, any bool) {
	var line strings.Builder
	end := func() {
		if line.Len() > 0 {
			lines = append(lines, line.String())
			line.Reset()
		}
	}
	for i, s := range sums {
		if s.n == 0 {
			end()
			continue
		}
		x, y := d.x(i), chartHeight-value(s)/top*(chartHeight-6)-3
		if line.Len() == 0 {
			fmt.Fprintf(&line, "%.1f,%.1f", x-1, y) // a single step is seen too
		}
		fmt.Fprintf(&line, " %.1f,%.1f", x, y)
	}
	end()
	return lines, len(lines) > 0
}

// nice is the next number of the row 1, 2, 5, 10, 20, ...
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5, 10} {
		if n*unit >= v {
			return n * unit
		}
	}
	return 10 * unit
}
