package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Number reads a value with or without a unit: 0.05, 5%, 300ms (in seconds), 256MiB (in bytes).
func Number(word string) (float64, error) {
	if v, err := strconv.ParseFloat(word, 64); err == nil {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("%q is no value that can be measured", word)
		}
		return v, nil
	}
	if number, ok := strings.CutSuffix(word, "%"); ok {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("%q is no percentage", word)
		}
		return v / 100, nil
	}
	var d Duration
	if err := d.UnmarshalText([]byte(word)); err == nil {
		return time.Duration(d).Seconds(), nil
	}
	var s Size
	if err := s.UnmarshalText([]byte(word)); err == nil {
		return float64(s), nil
	}
	return 0, fmt.Errorf("%q is no value", word)
}
