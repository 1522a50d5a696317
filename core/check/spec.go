package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// What holds where the configuration does not say it.
const (
	DefaultTimeout = 5 * time.Second
	DefaultEvery   = time.Second
)

// Spec is one named check of the configuration: what to look at, how often and how long. Zero fields have their defaults.
type Spec struct {
	config.Choice[Check] `yaml:",inline"`

	Timeout   config.Duration `yaml:"timeout" json:"timeout,omitempty" help:"longest time of one look; if absent 5s, and 30s for a command, 1m for a journey, 10m for tests" example:"10s"`
	Every     config.Duration `yaml:"every" json:"every,omitempty" help:"time between two looks" default:"1s"`
	Retries   int             `yaml:"retries" json:"retries,omitempty" help:"further looks before it counts as failed" default:"0"`
	Successes int             `yaml:"successes" json:"successes,omitempty" help:"passes in a row that make an instance healthy" default:"1"`
}

// Validate refuses numbers that cannot be meant.
func (s Spec) Validate(report func(path, message string)) {
	for _, n := range []struct {
		path  string
		value int
	}{{"retries", s.Retries}, {"successes", s.Successes}} {
		if n.value < 0 || n.value > 1000 {
			report(n.path, fmt.Sprintf("is %d, want 0 to 1000", n.value))
		}
	}
	for _, d := range []struct {
		path  string
		value config.Duration
	}{{"timeout", s.Timeout}, {"every", s.Every}} {
		if d.value < 0 {
			report(d.path, fmt.Sprintf("is %s, want a time that is not negative", d.value))
		}
	}
}

// Run looks once, with the timeout, and again while that does not pass and retries are left. It fills all of the finding.
// When ctx ends from outside the finding is Unknown.
func (s Spec) Run(ctx context.Context, name string, t Target) good.Finding {
	began := time.Now()
	c, err := s.New()
	if err != nil {
		return filled(unseen("", fmt.Sprintf("the check cannot be made: %v", err)), name, t, began)
	}
	var f good.Finding
	tries := 0
	for {
		f = s.look(ctx, c, t)
		tries++
		if f.Verdict == good.Pass || tries > s.Retries || !wait(ctx, s.every()) {
			break
		}
	}
	if tries > 1 {
		f.Observed += fmt.Sprintf(" (look %d of %d)", tries, s.Retries+1)
	}
	return filled(f, name, t, began)
}

func filled(f good.Finding, name string, t Target, began time.Time) good.Finding {
	f.Check, f.Release, f.At, f.Took = name, t.Release, began, time.Since(began)
	return f
}

// look is one look with the timeout. What it says has no secrets, and a look that was ended from outside says nothing
// about the target.
func (s Spec) look(ctx context.Context, c Check, t Target) good.Finding {
	if ctx.Err() != nil {
		return unseen("", "interrupted before it looked")
	}
	hide := &discretion{}
	t.Secret, t.hide = hide.over(t.Secret), hide
	limited, cancel := context.WithTimeout(ctx, s.timeout(c))
	defer cancel()
	f := hide.finding(c.Run(limited, t))
	if ctx.Err() != nil && f.Verdict != good.Pass {
		why := "interrupted"
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			why = "interrupted: the time for all looks was over"
		}
		return good.Finding{Observed: why, Wanted: f.Wanted, Detail: f.Detail}
	}
	return f
}

func (s Spec) timeout(c Check) time.Duration {
	if s.Timeout > 0 {
		return s.Timeout.Std()
	}
	if p, ok := c.(patient); ok {
		return p.Patience()
	}
	return DefaultTimeout
}

func (s Spec) every() time.Duration {
	if s.Every > 0 {
		return s.Every.Std()
	}
	return DefaultEvery
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
