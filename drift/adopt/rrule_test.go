package adopt

import (
	"errors"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/schedule"
)

var today = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestARecurrenceIsSaidAsCronOrNotAtAll(t *testing.T) {
	const start = "DTSTART;TZID=Europe/Berlin:20250115T031500 RRULE:" // a Wednesday
	for _, c := range []struct{ rule, cron string }{
		{"FREQ=MINUTELY;INTERVAL=1", "* * * * *"},
		{"FREQ=MINUTELY;INTERVAL=30", "15-59/30 * * * *"},
		{"FREQ=MINUTELY;INTERVAL=120", "15 1-23/2 * * *"},
		{"FREQ=HOURLY;INTERVAL=1", "15 * * * *"},
		{"FREQ=HOURLY;INTERVAL=6", "15 3-23/6 * * *"},
		{"FREQ=HOURLY;INTERVAL=24", "15 3 * * *"},
		{"FREQ=DAILY;INTERVAL=1", "15 3 * * *"},
		{"FREQ=DAILY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR", "15 3 * * 1,2,3,4,5"},
		{"FREQ=DAILY;BYHOUR=6,18;BYMINUTE=0", "0 6,18 * * *"},
		{"FREQ=WEEKLY;INTERVAL=1", "15 3 * * 3"},
		{"FREQ=WEEKLY;INTERVAL=1;BYDAY=SA,SU;WKST=MO", "15 3 * * 0,6"},
		{"FREQ=MONTHLY;INTERVAL=1", "15 3 15 * *"},
		{"FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=1", "15 3 1 * *"},
		{"FREQ=MONTHLY;INTERVAL=3", "15 3 15 */3 *"},
		{"FREQ=YEARLY;INTERVAL=1;BYMONTH=4;BYMONTHDAY=2", "15 3 2 4 *"},
		{"FREQ=YEARLY", "15 3 15 1 *"},
	} {
		cron, zone, err := cronOf(start+c.rule, today)
		if err != nil || cron != c.cron || zone != "Europe/Berlin" {
			t.Errorf("%s: %q %q %v, want %q", c.rule, cron, zone, err, c.cron)
			continue
		}
		if _, err := schedule.Parse(cron, zone); err != nil {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
	for _, c := range []struct{ rule, why string }{
		{"FREQ=DAILY;INTERVAL=2", "2 days"},
		{"FREQ=WEEKLY;INTERVAL=2", "2 weeks"},
		{"FREQ=MINUTELY;INTERVAL=7", "every 7"},
		{"FREQ=MONTHLY;BYDAY=1MO", "BYDAY=1MO"},
		{"FREQ=MONTHLY;BYMONTHDAY=-1", "BYMONTHDAY=-1"},
		{"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "certain day"},
		{"FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "BYSETPOS"},
		{"FREQ=SECONDLY", "SECONDLY"},
		{"FREQ=DAILY EXDATE:20250116T031500", "EXDATE"},
		{"FREQ=DAILY RRULE:FREQ=YEARLY", "2 rules"},
		{"FREQ=HOURLY;INTERVAL=99999999999", "no count"},
	} {
		if cron, _, err := cronOf(start+c.rule, today); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %q %v, want a refusal with %q", c.rule, cron, err, c.why)
		}
	}
	for _, text := range []string{"", "DTSTART:soon RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY", "DTSTART;TZID=Mars/Base:20250115T031500 RRULE:FREQ=DAILY", "DTSTART;TZID=../../etc/passwd:20250115T031500 RRULE:FREQ=DAILY"} {
		if _, _, err := cronOf(text, today); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestARecurrenceThatEndsOrHasNotBegunSaysSo(t *testing.T) {
	for _, text := range []string{
		"DTSTART:20250115T031500Z RRULE:FREQ=DAILY;COUNT=1",
		"DTSTART:20250115T031500Z RRULE:FREQ=DAILY;UNTIL=20270101T000000Z",
		"DTSTART:20260601T031500Z RRULE:FREQ=DAILY",
	} {
		var bound *boundError
		cron, zone, err := cronOf(text, today)
		if !errors.As(err, &bound) || cron != "15 3 * * *" || zone != "UTC" {
			t.Errorf("%s: %q %q %v, want what it would be without its bound", text, cron, zone, err)
		}
	}
}
