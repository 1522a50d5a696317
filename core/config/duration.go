package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span with its unit: "300ms", "5m", "1h30m", "7d". A bare number is refused.
type Duration time.Duration

// Std is the span as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

const day = 24 * time.Hour

// String writes the span as short as it is read: "90s" as "1m30s", "168h" as "7d".
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	if t%day == 0 {
		return strconv.FormatInt(int64(t/day), 10) + "d"
	}
	text := t.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

var (
	durationParts = regexp.MustCompile(`^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$`)
	durationPart  = regexp.MustCompile(`(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)`)
	durationUnits = map[string]time.Duration{
		"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond,
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day,
	}
)

// UnmarshalText reads "300ms", "1h30m" or "7d". Zero may be written without a unit, nothing else.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "0" {
		*d = 0
		return nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return fmt.Errorf("a duration needs a unit: say %ss for seconds, not %s", s, s)
	}
	if !durationParts.MatchString(s) {
		return fmt.Errorf("%s is not a duration, want for example 300ms, 30s, 5m, 2h or 7d", quoted(s))
	}
	var total float64
	var exact time.Duration // parts are added exactly where they are whole numbers
	for _, part := range durationPart.FindAllStringSubmatch(s, -1) {
		unit := durationUnits[part[2]]
		amount, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return fmt.Errorf("%s is not a duration: %w", quoted(s), err)
		}
		total += amount * float64(unit)
		if whole, err := strconv.ParseInt(part[1], 10, 64); err == nil {
			exact += time.Duration(whole) * unit
		} else {
			exact += time.Duration(math.Round(amount * float64(unit)))
		}
	}
	if total > math.MaxInt64/2 {
		return fmt.Errorf("%s is longer than a duration can be", quoted(s))
	}
	if strings.HasPrefix(s, "-") {
		exact = -exact
	}
	*d = Duration(exact)
	return nil
}
