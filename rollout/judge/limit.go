package judge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Limit is a hard limit of the new release, as text "errors > 10% for 5m". It is broken when the value was beyond it in every
// second of the whole time. Errors, quantiles and requests are taken over the last ten seconds, so that one second with
// two requests says nothing; cpu and memory as they are.
//
// With a factor, "memory > 1.5x for 1m", the limit is that many times what the old release has at the same moment; while that is not
// known, or the old release has less than a tenth of the requests, nothing is counted. A limit of restarts needs no time: "restarts > 2".
//
// A second in which the value is not known (no request, no measurement) neither counts nor starts the time again. Only when
// it was unknown for as long as the limit's time is what was counted before forgotten.
type Limit struct {
	Metric string          // errors, requests, cpu, memory, restarts, or a quantile of latency: p50, p99, p99.9
	Above  bool            // broken above the value, else below
	Times  bool            // the value is in times of the old release's at the same moment
	Value  float64         // errors and cpu: share; requests: per second; memory: bytes; quantiles: seconds; restarts: how many
	For    config.Duration // how long without a break

	quantile float64
	unit     string // the value as it was written
}

const limitForm = "want for example: errors > 10% for 5m, p99 > 500ms for 1m, requests < 1/s for 2m, cpu > 90% for 2m, memory > 300MiB for 1m, memory > 1.5x for 1m (times the old release's), restarts > 2"

// UnmarshalText reads "METRIC > VALUE for TIME".
func (l *Limit) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 3 && words[0] == "restarts" {
		words = append(words, "for", "1s")
	}
	if len(words) != 5 || words[3] != "for" {
		return fmt.Errorf("limit %q is not of the form METRIC > VALUE for TIME; %s", text, limitForm)
	}
	limit := Limit{Metric: words[0], Above: words[1] == ">", unit: words[2]}
	if !limit.Above && words[1] != "<" {
		return fmt.Errorf("limit %q: unknown comparison %q, want > or <", text, words[1])
	}
	if err := limit.value(words[2]); err != nil {
		return fmt.Errorf("limit %q: %w", text, err)
	}
	if err := limit.For.UnmarshalText([]byte(words[4])); err != nil {
		return fmt.Errorf("limit %q: %w", text, err)
	}
	if limit.For < config.Duration(time.Second) {
		return fmt.Errorf("limit %q: a limit holds for 1s or more", text)
	}
	*l = limit
	return nil
}

// value reads the value in the metric's own unit.
func (l *Limit) value(word string) error {
	if factor, ok := strings.CutSuffix(word, "x"); ok {
		return l.times(factor)
	}
	switch {
	case l.Metric == "restarts":
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number of restarts", word)
		}
		l.Value = float64(n)
	case l.Metric == "errors", l.Metric == "cpu":
		var p config.Percent
		if err := p.UnmarshalText([]byte(word)); err != nil {
			return err
		}
		l.Value = float64(p) / traffic.Full
	case l.Metric == "memory":
		var s config.Size
		if err := s.UnmarshalText([]byte(word)); err != nil {
			return err
		}
		l.Value = float64(s)
	case l.Metric == "requests":
		number, ok := strings.CutSuffix(word, "/s")
		v, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil {
			return fmt.Errorf("%q is no rate, want requests a second, as in 1/s", word)
		}
		l.Value = v
	case len(l.Metric) > 1 && l.Metric[0] == 'p':
		q, err := strconv.ParseFloat(l.Metric[1:], 64)
		if err != nil || !(q > 0 && q < 100) {
			return fmt.Errorf("%q is no quantile, want p50, p90, p99 or p99.9", l.Metric)
		}
		var d config.Duration
		if err := d.UnmarshalText([]byte(word)); err != nil {
			return err
		}
		l.quantile, l.Value = q/100, time.Duration(d).Seconds()
	default:
		return fmt.Errorf("unknown metric %q, want errors, requests, cpu, memory, restarts or a quantile of latency like p99", l.Metric)
	}
	if math.IsInf(l.Value, 0) || math.IsNaN(l.Value) || l.Value < 0 {
		return fmt.Errorf("%q is no value that can be measured", word)
	}
	if l.Value == 0 && !l.Above {
		return fmt.Errorf("nothing is ever below %s", word)
	}
	return nil
}

// times reads a factor of the old release's value.
func (l *Limit) times(word string) error {
	unit := map[string]string{"errors": "1%", "cpu": "1%", "memory": "1MiB", "requests": "1/s"}[l.Metric]
	if unit == "" {
		unit = "1s"
	}
	if l.Metric == "restarts" {
		return fmt.Errorf("restarts are counted, not compared: say restarts > 2")
	}
	if err := l.value(unit); err != nil { // says whether there is such a metric
		return err
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no factor, want for example 1.5x", word+"x")
	}
	l.Value, l.Times = v, true
	return nil
}

// ofUse says that the limit is about what instances use, and not about traffic.
func (l Limit) ofUse() bool {
	return l.Metric == "cpu" || l.Metric == "memory" || l.Metric == "restarts"
}

func (l Limit) sign() string {
	if l.Above {
		return ">"
	}
	return "<"
}

// String is the text that UnmarshalText reads.
func (l Limit) String() string {
	if l.Metric == "restarts" && l.For == config.Duration(time.Second) {
		return fmt.Sprintf("%s %s %s", l.Metric, l.sign(), l.unit)
	}
	return fmt.Sprintf("%s %s %s for %s", l.Metric, l.sign(), l.unit, l.For)
}

// MarshalText writes what UnmarshalText reads.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }
