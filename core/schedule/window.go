package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Window is a part of the week in which something may happen, told in wall clock time of its zone. From is inside, To is not.
// If To is not later than From, the window ends on the next day, and Days names the days on which it begins: from 22:00 to 04:00 on fri
// contains Saturday 03:59. From equal to To is 24 hours. The zero Window is always open.
type Window struct {
	From Clock  `yaml:"from" help:"when it opens, hh:mm" example:"22:00"`
	To   Clock  `yaml:"to" help:"when it closes, hh:mm; not later than from means on the next day" example:"04:00"`
	Days []Day  `yaml:"days" help:"days on which it opens: mon, tue, wed, thu, fri, sat, sun; none means every day" example:"[mon, tue]"`
	TZ   string `yaml:"tz" help:"time zone, such as Europe/Berlin; none means the zone of this machine" example:"Europe/Berlin"`
}

// Validate says what is wrong with the window.
func (w Window) Validate() error {
	_, err := Zone(w.TZ)
	return err
}

// Contains says whether t is inside the window. A window whose zone is not known contains nothing; Validate finds that.
func (w Window) Contains(t time.Time) bool {
	zone, err := Zone(w.TZ)
	if err != nil {
		return false
	}
	t = t.In(zone)
	now, today := Clock(t.Hour()*60+t.Minute()), Day(t.Weekday())
	yesterday := (today + 6) % 7
	if w.From < w.To {
		return w.on(today) && w.From <= now && now < w.To
	}
	return w.on(today) && now >= w.From || w.on(yesterday) && now < w.To
}

func (w Window) on(d Day) bool { return len(w.Days) == 0 || slices.Contains(w.Days, d) }

// Clock is a time of the day, in minutes since midnight.
type Clock int

// UnmarshalText reads "hh:mm", from 00:00 to 24:00.
func (c *Clock) UnmarshalText(text []byte) error {
	h, m, ok := strings.Cut(string(text), ":")
	hour, errHour := strconv.ParseUint(h, 10, 8)
	minute, errMinute := strconv.ParseUint(m, 10, 8)
	if !ok || errHour != nil || errMinute != nil || len(m) != 2 || len(h) > 2 || minute > 59 || hour*60+minute > 24*60 {
		return fmt.Errorf("%q is no time of the day; want hh:mm from 00:00 to 24:00", text)
	}
	*c = Clock(hour*60 + minute)
	return nil
}

// MarshalText writes "hh:mm".
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String writes "hh:mm".
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// Day is a day of the week, counted as in package time.
type Day time.Weekday

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// UnmarshalText reads the first three letters of a day, or its whole name.
func (d *Day) UnmarshalText(text []byte) error {
	for i, short := range dayNames {
		if name := strings.ToLower(string(text)); name == short || name == strings.ToLower(time.Weekday(i).String()) {
			*d = Day(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no day; want one of mon, tue, wed, thu, fri, sat, sun", text)
}

// MarshalText writes the first three letters of the day.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String writes the first three letters of the day.
func (d Day) String() string {
	if d < 0 || int(d) >= len(dayNames) {
		return "day " + strconv.Itoa(int(d))
	}
	return dayNames[d]
}
