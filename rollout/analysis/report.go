package analysis

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Report is the analysis of one rollback. Its JSON is what the pages, the command line and exports show.
type Report struct {
	Run      string            `json:"run"`
	Service  string            `json:"service"`
	Strategy string            `json:"strategy"`
	Who      string            `json:"who"`
	Why      string            `json:"why,omitempty"`
	Started  time.Time         `json:"started"`
	New      good.Release      `json:"new"`
	Old      good.Release      `json:"old"`
	Summary  string            `json:"summary"`
	Trigger  Trigger           `json:"trigger"`
	First    *FirstBad         `json:"first_bad,omitempty"`
	Impact   Impact            `json:"impact"`
	Periods  []Period          `json:"periods"`
	Commits  []Commit          `json:"commits,omitempty"`
	Files    []File            `json:"files,omitempty"`
	Config   []Change          `json:"config,omitempty"`
	Database []string          `json:"schema_changes,omitempty"`
	Hosts    []string          `json:"hosts,omitempty"`
	Others   []Other           `json:"other_runs,omitempty"`
	Gaps     []string          `json:"not_read,omitempty"`
	Signal   *Signal           `json:"first_signal,omitempty"`
	Failing  []traffic.Failing `json:"failing,omitempty"`
	Evidence []Evidence        `json:"evidence,omitempty"`
	Suspects []Suspect         `json:"suspects,omitempty"`
	Users    []UserReport      `json:"user_reports,omitempty"`
	Logs     []Pattern         `json:"new_log_lines,omitempty"`
	Verdict  good.Verdict      `json:"revalidated"`
	After    []good.Finding    `json:"after,omitempty"`
	Timeline []Event           `json:"timeline"`
	Series   []Point           `json:"series,omitempty"`
}

// FirstBad is the first error that the new release answered, and how long the rollout took to act on it.
type FirstBad struct {
	At         time.Time     `json:"at"`
	AfterShift time.Duration `json:"after_shift_ns"` // since the new release got its first traffic
	Detected   time.Duration `json:"detected_ns"`    // until the way back began
	Reversed   time.Duration `json:"reversed_ns"`    // until the new release had no traffic
}

// Impact is what users met on the new release.
type Impact struct {
	Requests int64   `json:"requests"`
	Errors   int64   `json:"errors"`
	Share    float64 `json:"share"` // of all requests in the time that the new release had traffic
	Excess   float64 `json:"excess_errors"`
}

// Period sums up one release in one part of the time line.
type Period struct {
	Name     string        `json:"name"` // before, during (on each release), after
	Release  string        `json:"release"`
	Seconds  int           `json:"seconds"`
	Requests int64         `json:"requests"`
	Errors   int64         `json:"errors"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
}

// ErrorShare is the share of requests that failed, 0 to 1; 0 without requests.
func (p Period) ErrorShare() float64 {
	if p.Requests == 0 {
		return 0
	}
	return float64(p.Errors) / float64(p.Requests)
}

// Point is one second of one release, for charts.
type Point struct {
	Unix     int64         `json:"t"`
	New      bool          `json:"new"`
	Requests int64         `json:"n"`
	Errors   int64         `json:"errors"`
	P90      time.Duration `json:"p90_ns"`
}

// Write makes the report. Equal facts give an equal report.
func Write(f Facts) Report {
	r := Report{
		Run: f.Run, Service: f.Service, Strategy: f.Strategy, Who: f.Who, Why: f.Why, Started: f.Started,
		New: f.New, Old: f.Old, Trigger: f.Trigger, Commits: f.Commits, Files: f.Files, Config: f.Config, Others: f.Others,
		Database: f.Schema, Hosts: f.Hosts, Gaps: f.Gaps, Failing: f.Failing, Evidence: bounded(f.Evidence),
		Verdict: f.Verdict, After: f.Findings, Timeline: f.Events,
	}
	r.Series = series(f)
	r.Periods = periods(f)
	r.First = firstBad(f)
	r.Impact = impact(f, r.Periods)
	r.Users = userReports(f.Users)
	r.Logs = newPatterns(f.NewLogs, f.OldLogs)
	r.Signal = firstSignal(f, r.First)
	r.Suspects = suspects(r)
	r.Summary = summary(r, f)
	return r
}

func series(f Facts) []Point {
	points := make([]Point, 0, len(f.Seconds))
	for _, s := range f.Seconds {
		if s.Release != f.New.ID() && s.Release != f.Old.ID() {
			continue
		}
		points = append(points, PointOf(s, s.Release == f.New.ID()))
	}
	return points
}

// PointOf is one second of a release as charts want it.
func PointOf(s traffic.Second, fresh bool) Point {
	return Point{Unix: s.Unix, New: fresh, Requests: s.Requests, Errors: s.Errors, P90: quantile(s.Latency, 0.9)}
}

func quantile(h traffic.Histogram, q float64) time.Duration {
	bucket, ok := h.Quantile(q)
	if !ok {
		return 0
	}
	return traffic.BucketLimit(bucket)
}

// periods splits the seconds at the first and last moment that the new release had traffic.
func periods(f Facts) []Period {
	type part struct {
		name, release string
		from, to      int64
	}
	start, end := f.Shifted.Unix(), f.Back.Unix()
	if f.Shifted.IsZero() {
		start, end = f.Trigger.At.Unix(), f.Trigger.At.Unix()
	}
	const forever = int64(1) << 62
	var out []Period
	for _, p := range []part{
		{"before", f.Old.ID(), 0, start},
		{"during", f.Old.ID(), start, end + 1},
		{"during", f.New.ID(), start, end + 1},
		{"after", f.Old.ID(), end + 1, forever},
	} {
		sum := Period{Name: p.name, Release: p.release}
		latency := traffic.Histogram{}
		for _, s := range f.Seconds {
			if s.Release != p.release || s.Unix < p.from || s.Unix >= p.to {
				continue
			}
			sum.Seconds++
			sum.Requests += s.Requests
			sum.Errors += s.Errors
			latency.Add(s.Latency)
		}
		sum.P50, sum.P99 = quantile(latency, 0.5), quantile(latency, 0.99)
		out = append(out, sum)
	}
	return out
}

func firstBad(f Facts) *FirstBad {
	for _, s := range f.Seconds {
		if s.Release != f.New.ID() || s.Errors == 0 {
			continue
		}
		at := time.Unix(s.Unix, 0)
		bad := &FirstBad{At: at, Detected: max(0, f.Trigger.At.Sub(at))}
		if !f.Shifted.IsZero() {
			bad.AfterShift = max(0, at.Sub(f.Shifted))
		}
		if !f.Back.IsZero() {
			bad.Reversed = max(0, f.Back.Sub(at))
		}
		return bad
	}
	return nil
}

// impact counts what the new release answered; the excess is over what the old release would have failed of the same requests.
func impact(f Facts, all []Period) Impact {
	var total int64
	var was float64
	var out Impact
	for _, p := range all {
		if p.Name == "during" {
			total += p.Requests
			if p.Release == f.New.ID() {
				out.Requests, out.Errors = p.Requests, p.Errors
			}
		}
		if p.Name == "before" {
			was = p.ErrorShare()
		}
	}
	if total > 0 {
		out.Share = float64(out.Requests) / float64(total)
	}
	out.Excess = max(0, float64(out.Errors)-was*float64(out.Requests))
	return out
}

func summary(r Report, f Facts) string {
	s := fmt.Sprintf("%s %s was taken back to %s", r.Service, r.New.Version, r.Old.Version)
	if r.First != nil {
		s += fmt.Sprintf(" %.1fs after its first error", r.First.Detected.Seconds())
	}
	s += ": " + r.Trigger.Why + "."
	if r.Impact.Requests > 0 {
		s += fmt.Sprintf(" It answered %d requests (%.1f%% of all in that time), %d of them with an error.", r.Impact.Requests, 100*r.Impact.Share, r.Impact.Errors)
	} else if f.Shifted.IsZero() {
		s += " No user reached it."
	}
	switch r.Verdict {
	case good.Pass:
		s += " Afterwards tests, health and metrics were as before."
	case good.Fail:
		s += " Afterwards not all was well: see below."
	default:
		s += " Whether all is well afterwards is not known: see below."
	}
	return s
}
