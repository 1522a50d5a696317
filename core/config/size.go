package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes with its unit: "256MiB" (powers of 1024), "1GB" (powers of 1000), "512B".
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{ // largest first, as String tries them
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
}

// String writes the size in the largest unit that divides it: "256MiB".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// MarshalText writes what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var sizeForm = regexp.MustCompile(`^(\d+(?:\.\d+)?) ?([A-Za-z]+)$`)

// UnmarshalText reads "256MiB". A bare number is refused.
func (s *Size) UnmarshalText(text []byte) error {
	t := string(text)
	if isNumber(t) && t != "0" {
		return fmt.Errorf("a size needs a unit: say %sMiB or %sB, not %s", t, t, t)
	}
	if t == "0" {
		*s = 0
		return nil
	}
	parts := sizeForm.FindStringSubmatch(t)
	if parts == nil {
		return fmt.Errorf("%s is not a size, want for example 256MiB or 1GB", quoted(t))
	}
	for _, u := range sizeUnits {
		if !strings.EqualFold(u.name, parts[2]) {
			continue
		}
		if whole, err := strconv.ParseInt(parts[1], 10, 64); err == nil && whole <= math.MaxInt64/u.bytes {
			*s = Size(whole * u.bytes)
			return nil
		}
		amount, err := strconv.ParseFloat(parts[1], 64)
		if err != nil || amount*float64(u.bytes) > math.MaxInt64/2 {
			return fmt.Errorf("%s is larger than a size can be", quoted(t))
		}
		*s = Size(math.Round(amount * float64(u.bytes)))
		return nil
	}
	return fmt.Errorf("%s has an unknown unit %q, want B, kB, MB, GB, TB, KiB, MiB, GiB or TiB", quoted(t), parts[2])
}
