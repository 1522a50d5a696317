package py

import (
	"fmt"
	"time"
)

// Date is Python's datetime.date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Datetime is Python's datetime.datetime; without a zone it is a wall clock time that is kept in UTC.
type Datetime struct {
	Time  time.Time
	Zoned bool
}

func (d Datetime) String() string { return d.ISO(' ') }

// ISO writes as isoformat does, with sep between date and time.
func (d Datetime) ISO(sep byte) string {
	text := d.Time.Format("2006-01-02") + string(sep) + d.Time.Format("15:04:05")
	if micro := d.Time.Nanosecond() / 1000; micro != 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	if d.Zoned {
		text += d.Time.Format("-07:00")
	}
	return text
}

// Timedelta is Python's datetime.timedelta.
type Timedelta time.Duration

// Days is the count of whole days, rounded down, and the rest.
func (d Timedelta) Days() (days int64, rest time.Duration) {
	const day = 24 * time.Hour
	days, rest = int64(time.Duration(d)/day), time.Duration(d)%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	return days, rest
}

func (d Timedelta) String() string {
	days, rest := d.Days()
	text := fmt.Sprintf("%d:%02d:%02d", int(rest.Hours()), int(rest.Minutes())%60, int(rest.Seconds())%60)
	if micro := rest % time.Second / time.Microsecond; micro != 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	switch {
	case days == 1 || days == -1:
		return fmt.Sprintf("%d day, %s", days, text)
	case days != 0:
		return fmt.Sprintf("%d days, %s", days, text)
	}
	return text
}
