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
	Timeout              config.Duration `yaml:"timeout" json:"timeout,omitempty" default:"5s" help:"how long one look may take"`
	Every                config.Duration `yaml:"every" json:"every,omitempty" default:"1s" help:"time from one look to the next"`
	Retries              int             `yaml:"retries" json:"retries,omitempty" help:"how many more looks a failing one gets before it counts as failed"`
	Successes            int             `yaml:"successes" json:"successes,omitempty" default:"1" help:"how many passing looks in a row make a new instance healthy"`
	On                   []string        `yaml:"on" json:"on,omitempty" enum:"start,stage,end" help:"when a rollout runs it: start (new instances, before traffic), stage (while traffic is judged), end (before promotion); default start and end"`
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
		f = s.once(ctx, c, t)
		if f.Verdict != good.Fail || try >= s.Retries || !pause(ctx, time.Duration(s.Every)) {
			break
		}
	}
	f.Check, f.Release, f.At, f.Took = name, t.Release, time.Now(), time.Since(began)
	return f
}

// once looks once within the timeout.
func (s Spec) once(ctx context.Context, c Check, t Target) good.Finding {
	limit := time.Duration(s.Timeout)
	if limit <= 0 {
		limit = 5 * time.Second
	}
	limited, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer stop()
	f := c.Run(limited, t)
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

// UntilHealthy looks again and again until the check passes as often in a row as the spec says, until limit is over, or until
// alive says that there is nothing left to look at and why. The finding says what was seen and how often.
func UntilHealthy(ctx context.Context, s Spec, name string, t Target, limit time.Duration, alive func() (up bool, why string)) good.Finding {
	began := time.Now()
	every := min(max(time.Duration(s.Every)/5, 50*time.Millisecond), time.Second)
	patience := s
	patience.Retries = 0
	looks, passes := 0, 0
	for {
		f := patience.Run(ctx, name, t)
		f.Took = time.Since(began)
		if f.Observed == "interrupted" {
			return f
		}
		looks++
		if f.Verdict == good.Pass {
			if passes++; passes >= max(s.Successes, 1) {
				return f
			}
		} else {
			passes = 0
		}
		if up, why := alive(); !up {
			f.Verdict, f.Observed, f.Wanted = good.Fail, "it ended while its health was awaited: "+why, "an instance that becomes healthy"
			return f
		}
		if time.Since(began) >= limit {
			f.Verdict = good.Fail
			f.Observed = fmt.Sprintf("%s, %d times in %s", f.Observed, looks, limit)
			return f
		}
		if !pause(ctx, every) {
			f.Verdict, f.Observed = good.Unknown, "interrupted"
			return f
		}
	}
}

// because is what ended a look: the words of the timeout where there was one.
func because(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); cause != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return cause.Error()
	}
	return err.Error()
}
