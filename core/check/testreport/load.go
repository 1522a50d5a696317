package testreport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Load is what a performance test measured. A value that the report does not have is missing, never zero.
type Load struct {
	Requests float64
	Values   map[string]float64 // errors (0 to 1), requests (a second), and in seconds mean, min, max, p50, p90, p95, p99 as the tool gives them
	Broken   []string           // thresholds of the tool itself that were not kept
}

// mostLoad bounds a summary; it does not grow with the test.
const mostLoad = 1 << 20

// Vegeta reads what `vegeta report -type=json` writes.
func Vegeta(r io.Reader) (Load, error) {
	var report struct {
		Latencies map[string]float64 `json:"latencies"` // nanoseconds; total is a sum
		Requests  *float64           `json:"requests"`
		Rate      *float64           `json:"rate"`
		Success   *float64           `json:"success"`
	}
	if err := decodeOne(r, &report); err != nil {
		return Load{}, fmt.Errorf("report of vegeta: %w", err)
	}
	if report.Requests == nil || report.Success == nil || report.Latencies == nil {
		return Load{}, errors.New("report of vegeta: no requests, success and latencies in it; want the output of vegeta report -type=json")
	}
	l := Load{Requests: *report.Requests, Values: map[string]float64{"errors": 1 - *report.Success}}
	if report.Rate != nil {
		l.Values["requests"] = *report.Rate
	}
	for name, ns := range report.Latencies {
		if key := quantileName(name); key != "" {
			l.Values[key] = ns / float64(time.Second)
		}
	}
	return l, l.check()
}

// quantileName makes p95 of "95th", "p(95)" and "med".
func quantileName(name string) string {
	switch name {
	case "mean", "avg":
		return "mean"
	case "med":
		return "p50"
	case "min", "max":
		return name
	}
	number := strings.TrimSuffix(name, "th")
	if inner, ok := strings.CutPrefix(name, "p("); ok {
		number = strings.TrimSuffix(inner, ")")
	}
	if number == name {
		return ""
	}
	if q, err := strconv.ParseFloat(number, 64); err != nil || q <= 0 || q >= 100 {
		return ""
	}
	return "p" + number
}

// K6 reads a summary of k6: that of --summary-export, where a metric's values stand beside each other, and the data of
// handleSummary, where they stand under "values".
func K6(r io.Reader) (Load, error) {
	var report struct {
		Metrics map[string]map[string]json.RawMessage `json:"metrics"`
	}
	if err := decodeOne(r, &report); err != nil {
		return Load{}, fmt.Errorf("summary of k6: %w", err)
	}
	values := func(metric string) map[string]float64 {
		m := report.Metrics[metric]
		found := map[string]float64{}
		var inner map[string]json.RawMessage
		if json.Unmarshal(m["values"], &inner) == nil && inner != nil {
			m = inner
		}
		for name, text := range m {
			var v float64
			if json.Unmarshal(text, &v) == nil {
				found[name] = v
			}
		}
		return found
	}
	l := Load{Values: map[string]float64{}}
	requests, failed := values("http_reqs"), values("http_req_failed")
	if _, ok := requests["count"]; !ok {
		return l, errors.New("summary of k6: no metric http_reqs in it; want what --summary-export or handleSummary writes")
	}
	l.Requests = requests["count"]
	if rate, ok := requests["rate"]; ok {
		l.Values["requests"] = rate
	}
	for _, name := range []string{"rate", "value"} { // handleSummary and --summary-export
		if v, ok := failed[name]; ok {
			l.Values["errors"] = v
		}
	}
	for name, ms := range values("http_req_duration") {
		if key := quantileName(name); key != "" {
			l.Values[key] = ms / 1000
		}
	}
	for metric, m := range report.Metrics {
		l.Broken = append(l.Broken, thresholds(metric, m["thresholds"])...)
	}
	return l, l.check()
}

// thresholds lists those that were not kept: --summary-export says true for a broken one, handleSummary {"ok": false}.
func thresholds(metric string, text json.RawMessage) (broken []string) {
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	for name, text := range all {
		var crossed bool
		var state struct {
			OK *bool `json:"ok"`
		}
		if json.Unmarshal(text, &crossed) == nil && crossed || json.Unmarshal(text, &state) == nil && state.OK != nil && !*state.OK {
			broken = append(broken, metric+": "+name)
		}
	}
	return broken
}

func decodeOne(r io.Reader, into any) error {
	text, err := io.ReadAll(io.LimitReader(r, mostLoad+1))
	switch {
	case err != nil:
		return err
	case len(text) > mostLoad:
		return fmt.Errorf("longer than %d bytes", mostLoad)
	case len(strings.TrimSpace(string(text))) == 0:
		return errors.New("it is empty")
	}
	return json.Unmarshal(text, into)
}

// check refuses what no tool measures.
func (l Load) check() error {
	for name, v := range l.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || name == "errors" && v > 1 {
			return fmt.Errorf("%s is %g, which cannot be", name, v)
		}
	}
	return nil
}
