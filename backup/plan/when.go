package plan

import (
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/schedule"
)

// When is how often something happens: after a time since the last ("24h"), or at the times of a cron expression in this machine's zone ("30 2 * * *", "@daily").
// The zero When is never.
type When struct {
	text  string
	every time.Duration
	at    schedule.Schedule
}

// Every happens again when d has gone since the last time.
func Every(d time.Duration) When { return When{text: config.Duration(d).String(), every: d} }

// UnmarshalText reads an interval or a cron expression.
func (w *When) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "" || s == "0" {
		*w = When{}
		return nil
	}
	if strings.ContainsAny(s, " @*") {
		at, err := schedule.Parse(s, "")
		*w = When{text: s, at: at}
		return err
	}
	var d config.Duration
	if err := d.UnmarshalText(text); err != nil {
		return err
	}
	if time.Duration(d) < time.Minute {
		return fmt.Errorf("%s is shorter than 1m, the shortest that is kept", d)
	}
	*w = Every(time.Duration(d))
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (w When) MarshalText() ([]byte, error) { return []byte(w.text), nil }

// String is the interval or the expression, "never" for the zero When.
func (w When) String() string {
	switch {
	case w.IsZero():
		return "never"
	case w.every > 0:
		return "every " + w.text
	}
	return "at " + w.text
}

// IsZero says that it never happens.
func (w When) IsZero() bool { return w.text == "" }

// Due is when it happens next after the last time, which may be zero: then an interval is due at once, and a cron expression at its next time after since.
func (w When) Due(last, since time.Time) time.Time {
	switch {
	case w.IsZero():
		return time.Time{}
	case w.every > 0 && last.IsZero():
		return since
	case w.every > 0:
		return last.Add(w.every)
	case last.IsZero():
		last = since
	}
	return w.at.Next(last)
}

// Longest is the longest time between two times, looking a year ahead of from.
func (w When) Longest(from time.Time) time.Duration {
	if w.every > 0 || w.IsZero() {
		return w.every
	}
	longest, last := time.Duration(0), w.at.Next(from)
	for end := from.AddDate(1, 0, 0); last.Before(end); {
		next := w.at.Next(last)
		if next.IsZero() {
			break
		}
		longest, last = max(longest, next.Sub(last)), next
		if longest > 0 && w.dense() {
			if last.Sub(from) > 15*24*time.Hour {
				break // an expression that is due every hour repeats itself
			}
		}
	}
	return longest
}

func (w When) dense() bool {
	fields := strings.Fields(w.text)
	return len(fields) == 5 && fields[2] == "*" && fields[3] == "*"
}

// Copying is when an application is copied: as it was given, or twice in its RPO, so that one failed try does not break it.
func Copying(given When, rpo time.Duration) When {
	if !given.IsZero() || rpo <= 0 {
		return given
	}
	return Every(max(time.Minute, rpo/2))
}
