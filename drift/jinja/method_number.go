package jinja

import (
	"math"

	"goodstate.dev/goodstate/core/py"
)

// The methods of numbers and of times.
func init() {
	i := family{}
	methods["int"] = i
	i.add("bit_length", "self", func(c *call) (any, error) { return int64(toBig(c.args[0]).BitLen()), nil })
	i.add("conjugate", "self", func(c *call) (any, error) { return c.args[0], nil })
	f := family{}
	methods["float"] = f
	f.add("is_integer", "self", func(c *call) (any, error) { x := toFloat(c.args[0]); return x == math.Trunc(x), nil })
	for _, kind := range []string{"int", "float"} {
		properties[kind+".real"] = func(on any) any { return on }
	}
	properties["int.imag"] = func(any) any { return int64(0) }
	properties["int.numerator"] = func(on any) any { return on }
	properties["int.denominator"] = func(any) any { return int64(1) }
	momentMethods()
}

func momentMethods() {
	d, t, delta := family{}, family{}, family{}
	methods["date"], methods["datetime"], methods["timedelta"] = d, t, delta
	d.add("isoformat", "self", func(c *call) (any, error) { return py.Str(c.args[0]), nil })
	d.add("strftime", "self format", func(c *call) (any, error) {
		day, _ := c.args[0].(py.Date)
		format, err := c.text(1)
		return strftime(midnight(day), format), err
	})
	self := func(c *call) py.Datetime { v, _ := c.args[0].(py.Datetime); return v }
	t.add("isoformat", "self sep='T'", func(c *call) (any, error) {
		sep, err := c.text(1)
		if err != nil || len(sep) != 1 {
			return nil, typeErrorf("isoformat() argument 1 must be a unicode character, not str")
		}
		return self(c).ISO(sep[0]), nil
	})
	t.add("strftime", "self format", func(c *call) (any, error) {
		format, err := c.text(1)
		return strftime(self(c).Time, format), err
	})
	t.add("timestamp", "self", func(c *call) (any, error) {
		v := self(c).Time
		if !self(c).Zoned {
			v = local(v)
		}
		return float64(v.UnixMicro()) / 1e6, nil
	})
	t.add("date", "self", func(c *call) (any, error) {
		v := self(c).Time
		return py.Date{Year: v.Year(), Month: v.Month(), Day: v.Day()}, nil
	})
	t.add("weekday", "self", func(c *call) (any, error) { return int64(self(c).Time.Weekday()+6) % 7, nil })
	t.add("isoweekday", "self", func(c *call) (any, error) { return int64(self(c).Time.Weekday()+6)%7 + 1, nil })
	for name, get := range map[string]func(v py.Datetime) int{
		"year": func(v py.Datetime) int { return v.Time.Year() }, "month": func(v py.Datetime) int { return int(v.Time.Month()) },
		"day": func(v py.Datetime) int { return v.Time.Day() }, "hour": func(v py.Datetime) int { return v.Time.Hour() },
		"minute": func(v py.Datetime) int { return v.Time.Minute() }, "second": func(v py.Datetime) int { return v.Time.Second() },
		"microsecond": func(v py.Datetime) int { return v.Time.Nanosecond() / 1000 },
	} {
		properties["datetime."+name] = func(on any) any { v, _ := on.(py.Datetime); return int64(get(v)) }
	}
	for name, get := range map[string]func(v py.Date) int{
		"year": func(v py.Date) int { return v.Year }, "month": func(v py.Date) int { return int(v.Month) }, "day": func(v py.Date) int { return v.Day },
	} {
		properties["date."+name] = func(on any) any { v, _ := on.(py.Date); return int64(get(v)) }
	}
	delta.add("total_seconds", "self", func(c *call) (any, error) {
		v, _ := c.args[0].(py.Timedelta)
		return float64(v/1000) / 1e6, nil
	})
	properties["timedelta.days"] = func(on any) any { v, _ := on.(py.Timedelta); days, _ := v.Days(); return days }
	properties["timedelta.seconds"] = func(on any) any { v, _ := on.(py.Timedelta); _, rest := v.Days(); return int64(rest.Seconds()) }
	properties["timedelta.microseconds"] = func(on any) any {
		v, _ := on.(py.Timedelta)
		_, rest := v.Days()
		return rest.Microseconds() % 1_000_000
	}
}
