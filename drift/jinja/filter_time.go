package jinja

import (
	"math"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/pyre"
)

// Filters of dates and times.
func init() {
	filters.add("to_datetime", "string format='%Y-%m-%d\\x20%H:%M:%S'", func(c *call) (any, error) {
		text, err := c.text(0)
		if err != nil {
			return nil, typeErrorf("strptime() argument 1 must be str, not %s", py.TypeName(c.args[0]))
		}
		format, err := c.text(1)
		if err != nil {
			return nil, err
		}
		t, zoned, err := py.Strptime(text, format)
		if err != nil {
			return nil, valueErrorf("%v", err)
		}
		return py.Datetime{Time: t, Zoned: zoned}, nil
	})
	filters.add("strftime", "string_format second=None utc=False", func(c *call) (any, error) {
		format, err := c.text(0)
		if err != nil {
			return nil, err
		}
		t := c.r.env.opt.Now()
		if c.args[1] != nil {
			f, ok := pyFloat(c.args[1])
			if !ok || math.Abs(f) > 1e15 {
				return nil, filterErrorf("Invalid value for epoch value (%s)", py.Str(c.args[1]))
			}
			t = time.Unix(int64(math.Floor(f)), 0)
		}
		utc, err := c.bool(2)
		if utc {
			t = t.UTC()
		}
		return strftime(t, format), err
	})
	filters.add("to_time_unit", "human_time unit='ms' **named", func(c *call) (any, error) {
		unit, err := c.str(1)
		if err != nil {
			return nil, err
		}
		return c.timeUnit(unit)
	})
	for name, unit := range map[string]string{
		"to_milliseconds": "ms", "to_seconds": "s", "to_minutes": "m", "to_hours": "h", "to_days": "d", "to_weeks": "w", "to_months": "mo", "to_years": "y",
	} {
		filters.add(name, "human_time **named", func(c *call) (any, error) { return c.timeUnit(unit) })
	}
}

var unitNames = map[string]string{
	"millisecond": "ms", "msec": "ms", "msecond": "ms", "sec": "s", "second": "s", "hour": "h", "min": "m", "minute": "m", "day": "d", "week": "w",
	"month": "mo", "year": "y",
}

// timeUnit reads "1y 2d" and gives it in one unit.
func (c *call) timeUnit(unit string) (any, error) {
	const day = 86_400_000.0
	in := map[string]float64{"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": day, "w": 7 * day, "mo": 30 * day, "y": 365 * day}
	if c.named != nil {
		for k, v := range c.named.All() {
			f, ok := pyFloat(v)
			short, known := map[string]string{"year": "y", "month": "mo"}[py.Str(k)]
			if !known || !ok {
				return nil, filterErrorf("to_time_unit() got unknown keyword arguments: %s", py.Str(k))
			}
			in[short] = f * day
		}
	}
	text, err := c.str(0)
	if err != nil {
		return nil, err
	}
	if text == "0" {
		return int64(0), nil
	}
	short := func(u string) string {
		if s, ok := unitNames[strings.TrimRight(u, "s")]; ok {
			return s
		}
		return u
	}
	per, ok := in[short(unit)]
	if !ok {
		return nil, filterErrorf("to_time_unit() can not convert to the following unit: %s", unit)
	}
	p, err := pyre.Compile(`(-?\d+)(\w+)`, 0)
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, part := range strings.Fields(text) {
		m, err := p.Match(part)
		if err != nil {
			return nil, err
		}
		if m == nil {
			return nil, filterErrorf("to_time_unit() can not interpret following string: %s", text)
		}
		one, ok := in[short(m.Groups[2].Text)]
		n, err := strconv.ParseFloat(m.Groups[1].Text, 64)
		if !ok || err != nil {
			return nil, filterErrorf("to_time_unit() can not interpret following string: %s", text)
		}
		total += n * one
	}
	return roundFloat(total/per, 12), nil
}
