package py

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// directives of strptime, as patterns.
var directives = map[byte]string{
	'd': `(3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])`, 'f': `(\d{1,6})`, 'H': `(2[0-3]|[0-1]\d|\d)`, 'I': `(1[0-2]|0[1-9]|[1-9])`,
	'j': `(36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])`, 'm': `(1[0-2]|0[1-9]|[1-9])`, 'M': `([0-5]\d|\d)`, 'S': `(6[0-1]|[0-5]\d|\d)`,
	'w': `([0-6])`, 'y': `(\d\d)`, 'Y': `(\d\d\d\d)`, 'z': `([+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|(?-i:Z))`, 'Z': `(utc|gmt|[a-z]{3,4})`,
	'b': `(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`, 'B': `(january|february|march|april|may|june|july|august|september|october|november|december)`,
	'a': `(mon|tue|wed|thu|fri|sat|sun)`, 'A': `(monday|tuesday|wednesday|thursday|friday|saturday|sunday)`, 'p': `(am|pm)`, '%': `(%)`,
}

var combined = strings.NewReplacer("%c", "%a %b %d %H:%M:%S %Y", "%x", "%m/%d/%y", "%X", "%H:%M:%S", "%T", "%H:%M:%S", "%D", "%m/%d/%y", "%F", "%Y-%m-%d", "%R", "%H:%M")

// Strptime reads a time as Python's strptime does in the C locale, and says whether it had a zone.
func Strptime(text, format string) (t time.Time, zoned bool, err error) {
	var pattern strings.Builder
	var order []byte
	full := combined.Replace(format)
	for i := 0; i < len(full); i++ {
		c := full[i]
		switch {
		case c == '%' && i+1 < len(full):
			i++
			p, ok := directives[full[i]]
			if !ok {
				return t, false, fmt.Errorf("'%c' is a bad directive in format '%s'", full[i], format)
			}
			order = append(order, full[i])
			pattern.WriteString(p)
		case c == ' ' || c == '\t' || c == '\n':
			pattern.WriteString(`\s+`)
		default:
			pattern.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re, err := regexp.Compile("(?is)^" + pattern.String())
	if err != nil {
		return t, false, fmt.Errorf("format '%s': %w", format, err)
	}
	m := re.FindStringSubmatch(text)
	if m == nil {
		return t, false, fmt.Errorf("time data %s does not match format %s", Repr(text), Repr(format))
	}
	if len(m[0]) < len(text) {
		return t, false, fmt.Errorf("unconverted data remains: %s", text[len(m[0]):])
	}
	p := parsed{year: 1900, month: 1, day: 1, zone: time.UTC}
	for i, c := range order {
		p.take(c, strings.ToLower(m[i+1]))
	}
	return p.time()
}

type parsed struct {
	year, month, day, hour, minute, second, nano, yearDay int
	pm, am, zoned                                         bool
	zone                                                  *time.Location
}

func (p *parsed) take(c byte, text string) {
	n, _ := strconv.Atoi(strings.TrimSpace(text))
	switch c {
	case 'Y':
		p.year = n
	case 'y':
		p.year = 1900 + n
		if n < 69 {
			p.year += 100
		}
	case 'm':
		p.month = n
	case 'b', 'B':
		p.month = strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", text[:3])/3 + 1
	case 'd':
		p.day = n
	case 'j':
		p.yearDay = n
	case 'H', 'I':
		p.hour = n
	case 'M':
		p.minute = n
	case 'S':
		p.second = n
	case 'f':
		p.nano, _ = strconv.Atoi((text + "000000")[:6])
		p.nano *= 1000
	case 'p':
		p.pm, p.am = text == "pm", text == "am"
	case 'z':
		p.offset(text)
	}
}

func (p *parsed) offset(text string) {
	p.zoned = true
	if text == "z" {
		return
	}
	digits := strings.ReplaceAll(text[1:], ":", "")
	hours, _ := strconv.Atoi(digits[:2])
	minutes, _ := strconv.Atoi(digits[2:4])
	seconds := hours*3600 + minutes*60
	if text[0] == '-' {
		seconds = -seconds
	}
	if seconds != 0 {
		p.zone = time.FixedZone("", seconds)
	}
}

func (p *parsed) time() (time.Time, bool, error) {
	if p.pm || p.am {
		p.hour %= 12
		if p.pm {
			p.hour += 12
		}
	}
	if p.yearDay > 0 {
		day := time.Date(p.year, 1, p.yearDay, 0, 0, 0, 0, time.UTC)
		p.month, p.day = int(day.Month()), day.Day()
	}
	t := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, min(p.second, 59), p.nano, p.zone)
	if t.Day() != p.day {
		return t, false, fmt.Errorf("day is out of range for month")
	}
	return t, p.zoned, nil
}
