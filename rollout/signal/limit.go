package signal

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/config"
)

// Limit is what a signal must not do, as text "> 5% for 30s". It is broken when the value was beyond it in every reading
// of the whole time; without "for" by one reading.
type Limit struct {
	Above bool
	Value float64
	Times bool            // the value is in times of the old release's
	For   config.Duration // 0: one reading is enough

	unit string // the value as it was written
}

const limitForm = "want for example: > 5% for 30s, > 0.2, < 10 for 1m, > 300ms for 1m, > 1.5x for 30s (times the old release's value)"

// UnmarshalText reads "> VALUE for TIME".
func (l *Limit) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) != 2 && (len(words) != 4 || words[2] != "for") || words[0] != ">" && words[0] != "<" {
		return fmt.Errorf("limit %q is not of the form > VALUE for TIME; %s", text, limitForm)
	}
	limit := Limit{Above: words[0] == ">", unit: words[1]}
	if err := limit.value(words[1]); err != nil {
		return fmt.Errorf("limit %q: %w; %s", text, err, limitForm)
	}
	if len(words) == 4 {
		if err := limit.For.UnmarshalText([]byte(words[3])); err != nil {
			return fmt.Errorf("limit %q: %w", text, err)
		}
		if limit.For < 0 {
			return fmt.Errorf("limit %q: a limit holds for 0s or more", text)
		}
	}
	*l = limit
	return nil
}

func (l *Limit) value(word string) error {
	number, times := strings.CutSuffix(word, "x")
	if times {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("%q is no factor", word)
		}
		l.Value, l.Times = v, true
		return nil
	}
	v, err := config.Number(word)
	l.Value = v
	return err
}

// beyond says whether a value breaks the limit at this moment; old is the old release's value.
func (l Limit) beyond(value, old float64) bool {
	bound := l.Value
	if l.Times {
		bound *= old
	}
	if l.Above {
		return value > bound
	}
	return value < bound
}

// String is the text that UnmarshalText reads.
func (l Limit) String() string {
	sign := "<"
	if l.Above {
		sign = ">"
	}
	if l.For == 0 {
		return sign + " " + l.unit
	}
	return sign + " " + l.unit + " for " + l.For.String()
}

// MarshalText writes what UnmarshalText reads.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }
