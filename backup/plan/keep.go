// Package plan decides what a backup should do, over values only: which restore points stay, when the next copy is due, and how an application stands against its
// RPO and RTO. It reads no clock and touches nothing, so that every decision can be explained and tried again.
package plan

import (
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Keep says which restore points stay. A point stays when any of the rules wants it.
type Keep struct {
	Last    int             `yaml:"last" json:"last,omitempty" help:"the youngest so many"`
	Within  config.Duration `yaml:"within" json:"within,omitempty" help:"all that are younger" example:"48h"`
	Hourly  int             `yaml:"hourly" json:"hourly,omitempty" help:"the youngest of each of the last so many hours that have one"`
	Daily   int             `yaml:"daily" json:"daily,omitempty" help:"the youngest of each of so many days"`
	Weekly  int             `yaml:"weekly" json:"weekly,omitempty" help:"the youngest of each of so many weeks"`
	Monthly int             `yaml:"monthly" json:"monthly,omitempty" help:"the youngest of each of so many months"`
	Yearly  int             `yaml:"yearly" json:"yearly,omitempty" help:"the youngest of each of so many years"`
}

// IsZero says that nothing was chosen: then everything stays.
func (k Keep) IsZero() bool { return k == Keep{} }

// Point is a restore point, as far as its age matters.
type Point struct {
	ID string
	At time.Time
}

// Verdict says whether a point stays, and which rules want it.
type Verdict struct {
	Point
	Why []string // empty: it goes
}

// Apply judges all points of one application, the youngest first. The youngest always stays: an empty repository is no result of tidying up. Now is only compared
// with points for Within; a point from the future counts as young.
func (k Keep) Apply(points []Point, now time.Time) []Verdict {
	all := make([]Verdict, len(points))
	for i, p := range points {
		all[i] = Verdict{Point: p}
	}
	slices.SortStableFunc(all, func(a, b Verdict) int { return b.At.Compare(a.At) })
	if k.IsZero() {
		for i := range all {
			all[i].Why = []string{"no rule says what may go"}
		}
		return all
	}
	for i := range all {
		if i == 0 && k.Last < 1 {
			all[i].Why = append(all[i].Why, "the youngest")
		}
		if i < k.Last {
			all[i].Why = append(all[i].Why, fmt.Sprintf("one of the last %d", k.Last))
		}
		if k.Within > 0 && now.Sub(all[i].At) <= time.Duration(k.Within) {
			all[i].Why = append(all[i].Why, "younger than "+k.Within.String())
		}
	}
	for _, rule := range []struct {
		n    int
		what string
		of   func(time.Time) string
	}{
		{k.Hourly, "hour", func(t time.Time) string { return t.Format("2006-01-02 15") }},
		{k.Daily, "day", func(t time.Time) string { return t.Format("2006-01-02") }},
		{k.Weekly, "week", func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprintf("%d week %d", y, w) }},
		{k.Monthly, "month", func(t time.Time) string { return t.Format("2006-01") }},
		{k.Yearly, "year", func(t time.Time) string { return t.Format("2006") }},
	} {
		last, left := "", rule.n
		for i := range all {
			if period := rule.of(all[i].At); left > 0 && period != last {
				all[i].Why = append(all[i].Why, "the youngest of "+rule.what+" "+period)
				last = period
				left--
			}
		}
	}
	return all
}
