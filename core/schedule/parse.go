package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones are known also on a host that has no zone files

	"github.com/robfig/cron/v3"
)

// field is one of the five parts of a cron expression.
type field struct {
	name    string
	option  cron.ParseOption
	allowed string
	bits    func(*cron.SpecSchedule) *uint64
}

var fields = []field{
	{"minute", cron.Minute, "0-59", func(s *cron.SpecSchedule) *uint64 { return &s.Minute }},
	{"hour", cron.Hour, "0-23", func(s *cron.SpecSchedule) *uint64 { return &s.Hour }},
	{"day of month", cron.Dom, "1-31", func(s *cron.SpecSchedule) *uint64 { return &s.Dom }},
	{"month", cron.Month, "1-12 or jan-dec", func(s *cron.SpecSchedule) *uint64 { return &s.Month }},
	{"day of week", cron.Dow, "0-7 or sun-sat (0 and 7 are Sunday)", func(s *cron.SpecSchedule) *uint64 { return &s.Dow }},
}

var shorthands = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// Parse reads a cron expression of five fields (minute, hour, day of month, month, day of week; as in cron(8), a day matches if either of the two day fields
// does when both are restricted), one of @yearly, @monthly, @weekly, @daily, @hourly, or "@every 15m". tz is a zone such as Europe/Berlin; empty means the
// zone of this machine. An expression that can never come true (31 February) is an error.
func Parse(expr, tz string) (Schedule, error) {
	zone, err := Zone(tz)
	if err != nil {
		return Schedule{}, err
	}
	text := strings.Join(strings.Fields(expr), " ")
	if interval, ok := strings.CutPrefix(text, "@every "); ok {
		d, err := time.ParseDuration(interval)
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: %q is no duration; want for example @every 15m", expr, interval)
		}
		return Every(d)
	}
	five, ok := shorthands[strings.ToLower(text)]
	if !ok {
		five = text
	}
	spec, err := parseFields(five)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", expr, err)
	}
	s := Schedule{text: text, spec: spec, zone: zone}
	if s.nextWall(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q: it never happens, no such day exists in these months", expr)
	}
	return s, nil
}

// Zone finds a time zone by its name; the empty name is the zone of this machine.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is not known; want a name such as UTC, Europe/Berlin or America/New_York", name)
	}
	return zone, nil
}

func parseFields(text string) (*cron.SpecSchedule, error) {
	parts := strings.Fields(text)
	switch {
	case len(parts) == 0:
		return nil, errors.New("it is empty; want five fields (minute, hour, day of month, month, day of week) or @daily")
	case strings.HasPrefix(parts[0], "@"):
		return nil, errors.New("unknown shorthand; want one of @yearly, @monthly, @weekly, @daily, @hourly, @every 15m")
	case strings.Contains(parts[0], "="):
		return nil, errors.New("the time zone is a setting of its own, not a part of the expression")
	case len(parts) == len(fields)+1:
		return nil, errors.New("it has six fields, want five: seconds are not supported, minute comes first")
	case len(parts) != len(fields):
		return nil, fmt.Errorf("it has %d fields, want five: minute, hour, day of month, month, day of week", len(parts))
	}
	spec := &cron.SpecSchedule{Second: 1, Location: time.UTC}
	for i, f := range fields {
		bits, err := f.parse(parts[i])
		if err != nil {
			return nil, err
		}
		*f.bits(spec) = bits
	}
	return spec, nil
}

// parse reads one field alone, so that an error can name it. What the library accepts by accident (an empty list element) is refused.
func (f field) parse(text string) (uint64, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%s %q: %s; want %s, *, lists (1,2), ranges (1-5) or steps (*/5)", f.name, text, why, f.allowed)
	}
	plain := text
	if f.option == cron.Dow {
		plain = sundayAsZero(text)
	}
	if strings.HasPrefix(plain, ",") || strings.HasSuffix(plain, ",") || strings.Contains(plain, ",,") {
		return 0, refuse("an element of the list is empty")
	}
	parsed, err := cron.NewParser(f.option).Parse(plain)
	if err != nil {
		return 0, refuse(err.Error())
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return 0, refuse("not a cron field")
	}
	return *f.bits(spec), nil
}

// sundayAsZero writes the 7 that cron(8) allows for Sunday as 0: "7" is "0" and "5-7" is "5-6,0".
func sundayAsZero(text string) string {
	elements := strings.Split(text, ",")
	for i, e := range elements {
		switch from, isRange := strings.CutSuffix(e, "-7"); {
		case e == "7":
			elements[i] = "0"
		case isRange && from == "7":
			elements[i] = "0"
		case isRange && from == "0":
			elements[i] = "0-6"
		case isRange:
			elements[i] = from + "-6,0"
		}
	}
	return strings.Join(elements, ",")
}
