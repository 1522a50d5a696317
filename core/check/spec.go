package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// Spec is one check of the configuration: a member of the family, and when and how often it looks.
type Spec struct {
	config.Choice[Check] `yaml:",inline"`
	Timeout              config.Duration `yaml:"timeout" json:"timeout,omitempty" help:"how long one look may take; if absent 5s, for a command 30s, a journey 1m, tests 10m"`
	Every                config.Duration `yaml:"every" json:"every,omitempty" default:"1s" help:"time from one look to the next"`
	Retries              int             `yaml:"retries" json:"retries,omitempty" help:"how many more looks a failing one gets before it counts as failed"`
	Successes            int             `yaml:"successes" json:"successes,omitempty" default:"1" help:"how many passing looks in a row make a new instance healthy"`
	For                  config.Duration `yaml:"for" json:"for,omitempty" help:"before the first traffic, look again and again for so long, and want every look to pass: what breaks after some seconds is found before users meet it" example:"15s"`
	On                   []string        `yaml:"when" json:"when,omitempty" enum:"start,stage,end" help:"when a rollout runs it: start (new instances, before traffic), stage (while traffic is judged), end (before promotion); default start and end"`
}

// Run looks with the spec's timeout and retries. A look that was ended from outside is Unknown.
func (s Spec) Run(ctx context.Context, name string, t Target) good.Finding {
	began := time.Now()
	c, err := s.New()
	if err != nil {
		return good.Finding{Check: name, Observed: err.Error(), Wanted: "a check that can be built", At: began}
	}
	var f good.Finding
	for try := 0; ; try++ {
		f = s.once(ctx, c, t, 0)
		if f.Verdict != good.Fail || try >= s.Retries || !pause(ctx, time.Duration(s.Every)) {
			break
		}
	}
	f.Check, f.Release, f.At, f.Took = name, t.Release, time.Now(), time.Since(began)
	return f
}

// Long looks again and again, every so often, for as long as the spec's For says. The first look that is not a pass ends it; without For it looks once.
func (s Spec) Long(ctx context.Context, name string, t Target) good.Finding {
	began, looks := time.Now(), 1
	f := s.Run(ctx, name, t)
	for ; f.Verdict == good.Pass && time.Since(began) < time.Duration(s.For); looks++ {
		if !pause(ctx, time.Duration(s.Every)) {
			return good.Finding{Check: name, Release: t.Release, Observed: "interrupted", Wanted: "looks for " + s.For.String(), At: time.Now()}
		}
		f = s.Run(ctx, name, t)
	}
	if looks > 1 {
		f.Observed += fmt.Sprintf(", in look %d after %s", looks, time.Since(began).Round(100*time.Millisecond))
		if f.Verdict == good.Pass {
			f.Observed = fmt.Sprintf("%d looks in %s were fine; the last: %s", looks, time.Since(began).Round(time.Second), f.Observed)
		}
		f.Took = time.Since(began)
	}
	return f
}

// patient is a check that needs more time than others where the configuration does not say how much.
type patient interface{ patience() time.Duration }

const usualTimeout = 5 * time.Second

// once looks once within the timeout, and within what is left where that is less and not 0. What it says has no secrets.
func (s Spec) once(ctx context.Context, c Check, t Target, left time.Duration) good.Finding {
	limit := time.Duration(s.Timeout)
	if limit <= 0 {
		limit = usualTimeout
		if p, ok := c.(patient); ok {
			limit = p.patience()
		}
	}
	if left > 0 {
		limit = min(limit, left.Round(time.Millisecond)+time.Millisecond)
	}
	hide := &discretion{}
	t.Secret = hide.over(t.Secret)
	limited, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer stop()
	f := hide.finding(c.Run(limited, t))
	if ctx.Err() != nil {
		f.Verdict, f.Observed, f.Wanted = good.Unknown, "interrupted", "a look to its end"
	}
	return f
}

// pause waits, and says whether it could.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// because is what ended a look: the words of the timeout where there was one.
func because(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); cause != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return cause.Error()
	}
	return err.Error()
}
