package adopt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cronOf says a recurrence of RFC 5545, as AWX writes it, as a cron expression and its time zone:
//
//	DTSTART;TZID=Europe/Berlin:20250101T030000 RRULE:FREQ=DAILY;INTERVAL=1
//
// What a cron expression cannot say is an error. A rule that is bounded in time comes with a *boundError, beside what it would be without its bound.
func cronOf(text string, now time.Time) (cron, zone string, err error) {
	r, err := parseRule(text)
	if err != nil {
		return "", "", err
	}
	if cron, err = r.cron(); err != nil {
		return "", "", err
	}
	return cron, r.zone, r.bound(now)
}

// boundError says that a rule begins or ends, which a cron expression does not.
type boundError struct{ why string }

func (e *boundError) Error() string { return e.why }

// rule is a recurrence.
type rule struct {
	start time.Time // in its own zone's clock
	zone  string
	parts map[string]string
}

// known are the parts of a rule that are looked at; another one would change what it means.
var known = []string{"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST", "BYSECOND"}

func parseRule(text string) (rule, error) {
	r := rule{zone: "UTC", parts: map[string]string{}}
	rules := 0
	for _, word := range strings.Fields(text) {
		name, value, ok := strings.Cut(word, ":")
		head, params, _ := strings.Cut(name, ";")
		switch {
		case !ok:
			return r, fmt.Errorf("%.40q is no part of a recurrence", word)
		case head == "DTSTART":
			if err := r.begin(params, value); err != nil {
				return r, err
			}
		case head == "RRULE":
			rules++
			for part := range strings.SplitSeq(value, ";") {
				key, v, _ := strings.Cut(part, "=")
				if key = strings.ToUpper(key); key != "" {
					r.parts[key] = strings.ToUpper(v)
				}
			}
		default:
			return r, fmt.Errorf("%.20q: exceptions and single dates cannot be said", head)
		}
	}
	switch {
	case rules != 1:
		return r, fmt.Errorf("it has %d rules, want one", rules)
	case r.start.IsZero():
		return r, errors.New("it has no DTSTART")
	}
	for key := range r.parts {
		if !slices.Contains(known, key) {
			return r, fmt.Errorf("%.20s cannot be said", key)
		}
	}
	return r, nil
}

func (r *rule) begin(params, value string) (err error) {
	if zone, ok := strings.CutPrefix(params, "TZID="); ok {
		r.zone = zone
	}
	if r.start, err = time.Parse("20060102T150405", strings.TrimSuffix(value, "Z")); err != nil {
		return fmt.Errorf("DTSTART %.40q is no time", value)
	}
	if _, err := time.LoadLocation(r.zone); err != nil || r.zone == "" {
		return fmt.Errorf("time zone %.40q is not known", r.zone)
	}
	return nil
}

// fields are the five of a cron expression.
type fields struct{ minute, hour, day, month, weekday string }

func (r *rule) cron() (string, error) {
	every, err := r.number("INTERVAL", 1)
	if err != nil {
		return "", err
	}
	f := fields{strconv.Itoa(r.start.Minute()), strconv.Itoa(r.start.Hour()), "*", "*", "*"}
	switch freq := r.parts["FREQ"]; freq {
	case "MINUTELY":
		err = r.minutely(&f, every)
	case "HOURLY":
		f.hour, err = steps(r.start.Hour(), every, 0, 23)
	case "DAILY":
		if every != 1 {
			return "", fmt.Errorf("every %d days cannot be said: months have no whole number of them", every)
		}
	case "WEEKLY":
		if every != 1 {
			return "", fmt.Errorf("every %d weeks cannot be said", every)
		}
		f.weekday = strconv.Itoa(int(r.start.Weekday()))
	case "MONTHLY":
		f.day = strconv.Itoa(r.start.Day())
		f.month, err = steps(int(r.start.Month()), every, 1, 12)
	case "YEARLY":
		if every != 1 {
			return "", fmt.Errorf("every %d years cannot be said", every)
		}
		f.day, f.month = strconv.Itoa(r.start.Day()), strconv.Itoa(int(r.start.Month()))
	default:
		return "", fmt.Errorf("frequency %.20q cannot be said", freq)
	}
	if err == nil {
		err = r.narrow(&f)
	}
	if err == nil && f.day != "*" && f.weekday != "*" { // cron takes either, a rule wants both
		err = errors.New("a day of the month that is a certain day of the week cannot be said")
	}
	return strings.Join([]string{f.minute, f.hour, f.day, f.month, f.weekday}, " "), err
}

// minutely may be a rule of hours too.
func (r *rule) minutely(f *fields, every int) (err error) {
	if every%60 == 0 {
		f.hour, err = steps(r.start.Hour(), every/60, 0, 23)
		return err
	}
	f.hour = "*"
	f.minute, err = steps(r.start.Minute(), every, 0, 59)
	return err
}

// steps is every nth value of a field, of which the start is one.
func steps(start, every, low, high int) (string, error) {
	width := high - low + 1
	switch {
	case every == 1:
		return "*", nil
	case width%every != 0:
		return "", fmt.Errorf("every %d cannot be said: %d is no multiple of it", every, width)
	case every == width:
		return strconv.Itoa(start), nil
	}
	first := low + (start-low)%every
	if first == low {
		return "*/" + strconv.Itoa(every), nil
	}
	return fmt.Sprintf("%d-%d/%d", first, high, every), nil
}

// narrow takes the lists of a rule over.
func (r *rule) narrow(f *fields) error {
	freq := r.parts["FREQ"]
	for _, p := range []struct {
		part      string
		field     *string
		low, high int
	}{{"BYMINUTE", &f.minute, 0, 59}, {"BYHOUR", &f.hour, 0, 23}, {"BYMONTHDAY", &f.day, 1, 31}, {"BYMONTH", &f.month, 1, 12}} {
		list, ok := r.parts[p.part]
		if !ok {
			continue
		}
		if freq == "MINUTELY" && p.part == "BYMINUTE" || freq == "HOURLY" && p.part == "BYHOUR" {
			return fmt.Errorf("%s with %s cannot be said", p.part, freq)
		}
		if p.part == "BYMONTH" && freq == "MONTHLY" && *p.field != "*" {
			return errors.New("BYMONTH with an interval cannot be said")
		}
		for n := range strings.SplitSeq(list, ",") {
			if v, err := strconv.Atoi(n); err != nil || v < p.low || v > p.high {
				return fmt.Errorf("%s=%.20s cannot be said, want %d to %d", p.part, list, p.low, p.high)
			}
		}
		*p.field = list
		if p.part == "BYMONTH" && freq == "YEARLY" && r.parts["BYMONTHDAY"] == "" && r.parts["BYDAY"] == "" {
			f.day = strconv.Itoa(r.start.Day())
		}
	}
	if r.parts["FREQ"] == "YEARLY" && r.parts["BYMONTHDAY"] != "" && r.parts["BYMONTH"] == "" {
		f.month = "*" // RFC 5545: a day of the month widens a yearly rule to all months
	}
	return r.weekdays(f)
}

var weekdays = map[string]string{"SU": "0", "MO": "1", "TU": "2", "WE": "3", "TH": "4", "FR": "5", "SA": "6"}

func (r *rule) weekdays(f *fields) error {
	list, ok := r.parts["BYDAY"]
	if !ok {
		return nil
	}
	var days []string
	for name := range strings.SplitSeq(list, ",") {
		day, ok := weekdays[name]
		if !ok {
			return fmt.Errorf("BYDAY=%.20s cannot be said, only days of every week", list)
		}
		days = append(days, day)
	}
	if freq := r.parts["FREQ"]; (freq == "MONTHLY" || freq == "YEARLY") && r.parts["BYMONTHDAY"] == "" {
		f.day = "*"
		if freq == "YEARLY" && r.parts["BYMONTH"] == "" {
			f.month = "*"
		}
	}
	slices.Sort(days)
	f.weekday = strings.Join(slices.Compact(days), ",")
	return nil
}

// number reads a part that is a count.
func (r *rule) number(part string, without int) (int, error) {
	text, ok := r.parts[part]
	if !ok {
		return without, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 100_000 {
		return 0, fmt.Errorf("%s=%.20s is no count", part, text)
	}
	return n, nil
}

// bound says whether a rule begins later or ends.
func (r *rule) bound(now time.Time) error {
	place, err := time.LoadLocation(r.zone)
	if err != nil {
		return err
	}
	begins := time.Date(r.start.Year(), r.start.Month(), r.start.Day(), r.start.Hour(), r.start.Minute(), 0, 0, place)
	if _, ok := r.parts["COUNT"]; ok {
		return &boundError{"it ends after " + shown(r.parts["COUNT"]) + " times"}
	}
	if until, ok := r.parts["UNTIL"]; ok {
		return &boundError{"it ends at " + shown(until)}
	}
	if begins.After(now) {
		return &boundError{"it begins at " + begins.Format("2006-01-02 15:04")}
	}
	return nil
}
