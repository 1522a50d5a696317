package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Percent is a share in ten-thousandths: "5%" is 500, "0.5%" is 50, "100%" is 10000. It is never negative and never more
// than 100%.
type Percent int

// Whole is 100%.
const Whole Percent = 10000

// Of is the share of n.
func (p Percent) Of(n float64) float64 { return n * float64(p) / float64(Whole) }

// String writes "5%" or "0.5%".
func (p Percent) String() string {
	text := strconv.FormatFloat(float64(p)/100, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + "%"
}

// MarshalText writes what UnmarshalText reads.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads "5%". A bare number is refused: 0.5 could be half a percent or one half.
func (p *Percent) UnmarshalText(text []byte) error {
	s := string(text)
	number, ok := strings.CutSuffix(s, "%")
	number = strings.TrimSpace(number)
	if !ok {
		if isNumber(s) {
			return fmt.Errorf("a share needs a percent sign: say %s%%, not %s", s, s)
		}
		return fmt.Errorf("%s is not a share, want for example 5%%", quoted(s))
	}
	if !isNumber(number) || strings.ContainsAny(number, "eE") {
		return fmt.Errorf("%s is not a share, want for example 5%% or 0.5%%", quoted(s))
	}
	whole, part, _ := strings.Cut(number, ".")
	if len(strings.TrimRight(part, "0")) > 2 {
		return fmt.Errorf("%s is finer than 0.01%%", quoted(s))
	}
	v, err := strconv.Atoi(whole + (part + "00")[:2])
	if err != nil || v < 0 || v > int(Whole) || strings.HasPrefix(number, "-") {
		return fmt.Errorf("%s is not between 0%% and 100%%", quoted(s))
	}
	*p = Percent(v)
	return nil
}
