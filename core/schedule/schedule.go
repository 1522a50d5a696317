// Package schedule says when something is due: cron expressions and intervals in a time zone, windows of the week, and a steady jitter.
// It is pure: it reads no clock, starts nothing and keeps no state, so the same question always has the same answer.
package schedule

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a series of moments. The zero Schedule has none.
type Schedule struct {
	text  string
	spec  *cron.SpecSchedule // for cron expressions: read in wall clock time, so its own zone is always UTC
	zone  *time.Location
	every time.Duration // for intervals
}

// Every is the schedule of all whole multiples of d, counted in UTC from the first of January of the year 1: "every 15m" is due at :00, :15, :30
// and :45 no matter when the process started, and in even steps when clocks are changed. d is rounded down to seconds and has to be at least one.
func Every(d time.Duration) (Schedule, error) {
	if d < time.Second {
		return Schedule{}, fmt.Errorf("schedule every %s: the shortest interval is 1s", d)
	}
	d = d.Truncate(time.Second)
	return Schedule{text: "@every " + d.String(), zone: time.UTC, every: d}, nil
}

// String returns the expression and the zone: "30 2 * * * Europe/Berlin".
func (s Schedule) String() string {
	switch {
	case s.spec != nil:
		return s.text + " " + s.zone.String()
	case s.every > 0:
		return s.text
	}
	return "never"
}

// IsZero says whether the schedule is the zero Schedule.
func (s Schedule) IsZero() bool { return s.spec == nil && s.every == 0 }

// Next returns the first moment of the schedule that is later than after, in the schedule's zone; the zero time if there is none.
//
// Where clocks are changed, a cron expression keeps two promises: nothing is left out, and nothing that names its hours happens twice.
//   - Times that do not exist (clocks go forward) are due at the first moment after the gap, once: "30 2 * * *" at 03:00.
//   - Times that exist twice (clocks go back) are due the first time only.
//   - An expression for every hour of the day ("*/15 * * * *") follows elapsed time instead: it skips the gap and happens in both of the two hours.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.spec != nil:
		return s.nextCron(after)
	case s.every > 0:
		return after.Truncate(s.every).Add(s.every).In(s.zone)
	}
	return time.Time{}
}

// spans bounds how many changes of the clocks nextCron walks through: two a year, for far longer than the rarest date (29 February, eight years).
const spans = 64

// nextCron walks through the spans of time between two changes of the clock. Inside a span, wall clock and elapsed time go together, so the
// expression is looked up in wall clock time (written as UTC) and brought back by the span's offset.
func (s Schedule) nextCron(after time.Time) time.Time {
	at := after.In(s.zone)
	for range spans {
		start, end := at.ZoneBounds()
		from := wall(at, offset(at))
		if !start.IsZero() && !s.everyHour() {
			// Clocks went back at the start: skip what the span before already had.
			if had := wall(start, offset(start.Add(-1))).Add(-1); had.After(from) {
				from = had
			}
		}
		due := s.nextWall(from)
		if due.IsZero() {
			return time.Time{}
		}
		moment := due.Add(-offset(at)).In(s.zone)
		if end.IsZero() || moment.Before(end) {
			return moment
		}
		if gap := wall(end, offset(end)); !s.everyHour() && due.Before(gap) {
			return end
		}
		if s.beginsWith(end) {
			return end
		}
		at = end
	}
	return time.Time{}
}

// beginsWith says whether the expression is due in the very moment in which a new span begins.
func (s Schedule) beginsWith(start time.Time) bool {
	now := wall(start, offset(start))
	wentBack := wall(start, offset(start.Add(-1))).After(now)
	if wentBack && !s.everyHour() {
		return false // this wall time was had before
	}
	return s.nextWall(now.Add(-1)).Equal(now)
}

// nextWall looks the expression up in wall clock time. The cron library gives up after five years; 29 February can be eight years away.
func (s Schedule) nextWall(from time.Time) time.Time {
	if due := s.spec.Next(from); !due.IsZero() {
		return due
	}
	return s.spec.Next(from.AddDate(5, 0, 0))
}

// everyHour says whether the expression names no hours.
func (s Schedule) everyHour() bool {
	const hours = 1<<24 - 1
	return s.spec.Hour&hours == hours
}

// wall writes what a clock with this offset shows at t as a time in UTC.
func wall(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
