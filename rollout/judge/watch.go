package judge

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

// limitWindow is how many seconds errors, quantiles and requests are taken over.
const limitWindow = 10

// watch follows one limit.
type watch struct {
	Limit
	beyond, unknown int64 // seconds
	seen            string
	known           bool
}

// observe takes the last seconds of the new release, oldest first; broken says that the limit has been broken for all its time.
func (w *watch) observe(window []Second) (broken bool) {
	need := int64(time.Duration(w.For) / time.Second)
	value, ok := w.measure(window, false)
	bound := w.Value
	if w.Times && ok {
		var was float64
		if was, ok = w.old(window); ok {
			bound *= was
		}
	}
	w.known = ok
	if !ok {
		w.seen = "not known"
		if w.unknown++; w.unknown >= need {
			w.beyond = 0
		}
		return false
	}
	w.unknown = 0
	w.seen = w.say(value)
	if w.Times {
		w.seen += " (the old release: " + w.say(bound/w.Value) + ")"
	}
	if w.Above && value > bound || !w.Above && value < bound {
		w.beyond++
	} else {
		w.beyond = 0
	}
	return w.beyond >= need
}

// old is the old release's value, where it can be compared with: what depends on load only while it has a fair share of it.
func (w *watch) old(window []Second) (value float64, ok bool) {
	if w.Metric != "memory" {
		var fresh, old int64
		for _, s := range window {
			fresh += s.New.Requests
			old += s.Old.Requests
		}
		if old == 0 || old*10 < fresh {
			return 0, false
		}
	}
	return w.measure(window, true)
}

// measure is the value of one of the releases.
func (w *watch) measure(window []Second, old bool) (value float64, ok bool) {
	use := window[len(window)-1].NewUse
	if old {
		use = window[len(window)-1].OldUse
	}
	switch n := window[len(window)-1].NewRestarts; {
	case w.Metric == "restarts" && n == nil:
		return 0, false
	case w.Metric == "restarts":
		return float64(*n), true
	case w.ofUse():
		return w.use(use)
	}
	var requests, errors int64
	latency := traffic.Histogram{}
	for _, s := range window {
		of := s.New
		if old {
			of = s.Old
		}
		requests += of.Requests
		errors += of.Errors
		if w.quantile > 0 {
			latency.Add(of.Latency)
		}
	}
	switch {
	case w.Metric == "requests":
		return float64(requests) / float64(len(window)), true
	case w.Metric == "errors" && requests > 0:
		return float64(errors) / float64(requests), true
	case w.quantile > 0:
		bucket, ok := latency.Quantile(w.quantile)
		if bucket == 0 {
			return 0, ok
		}
		return traffic.BucketLimit(bucket - 1).Seconds(), ok // it is at least this
	}
	return 0, false
}

func (w *watch) use(u *Use) (value float64, ok bool) {
	switch {
	case u == nil:
		return 0, false
	case w.Metric == "cpu":
		return u.CPU, true
	}
	return float64(u.Memory), true
}

// say writes a value in the metric's unit.
func (w *watch) say(value float64) string {
	switch {
	case w.quantile > 0:
		return round(time.Duration(value * float64(time.Second))).String()
	case w.Metric == "restarts":
		return fmt.Sprintf("%.0f", value)
	case w.Metric == "memory":
		return fmt.Sprintf("%.0fMiB", value/(1<<20))
	case w.Metric == "requests":
		return fmt.Sprintf("%.3g/s", value)
	}
	return fmt.Sprintf("%.3g%%", value*100)
}

func (w *watch) reason() string {
	return fmt.Sprintf("%s is %s, %s %s for %s", w.Metric, w.seen, w.sign(), w.unit, config.Duration(time.Duration(w.beyond)*time.Second))
}

// round keeps three digits of a duration.
func round(d time.Duration) time.Duration {
	for unit := time.Hour; unit >= 10; unit /= 10 {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}
