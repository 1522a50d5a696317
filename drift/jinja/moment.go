package jinja

import (
	"time"

	"goodstate.dev/goodstate/core/py"
)

// naive is a wall clock time without a zone.
func naive(t time.Time) py.Datetime {
	return py.Datetime{Time: time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1000*1000, time.UTC)}
}

func strftime(t time.Time, format string) string { return py.Strftime(t, format) }

// local reads a wall clock time in the zone of this machine.
func local(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.Local) //nolint:gosmopolitan // as Python's timestamp()
}
