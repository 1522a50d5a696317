package signal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/logs"
)

func init() {
	register(Kind{
		Name:    "logs",
		Help:    "how many lines a minute the new release logs of kinds that the old one has never logged; lines that read like errors, or all",
		Example: "logs: {count: errors}",
		New: func(decode func(any) error) (Source, error) {
			l := &logSource{Count: "errors", fresh: logs.NewFresh(), tails: map[string]*logs.Tail{}}
			if err := decode(l); err != nil {
				return nil, err
			}
			var err error
			if l.Except != "" {
				if l.except, err = regexp.Compile(l.Except); err != nil {
					return nil, fmt.Errorf("except: %w", err)
				}
			}
			return l, nil
		},
	})
}

type logSource struct {
	Count  string          `yaml:"count" default:"errors" enum:"errors,lines,patterns" help:"errors: lines that read like errors; lines: all; patterns: how many kinds of lines that read like errors there are, since the rollout began"`
	Over   config.Duration `yaml:"over" default:"1m" help:"how far back lines are counted"`
	Except string          `yaml:"except" help:"regular expression of lines that do not count"`

	except *regexp.Regexp
	fresh  *logs.Fresh
	tails  map[string]*logs.Tail // by instance
	came   []time.Time           // lines that count
}

// shownPatterns is how many kinds of lines stand in a finding, and mostCame how many lines are remembered.
const (
	shownPatterns = 8
	mostCame      = 100_000
)

func (l *logSource) absolute() {}

// Read reads what was logged since the last time. It learns from the old release first, so that what both write is known.
func (l *logSource) Read(ctx context.Context, of Release) (Reading, error) {
	if of.Logs == nil {
		return Reading{}, errors.New("there are no logs here")
	}
	now := time.Now()
	old, err := of.Logs(ctx, true)
	if err != nil {
		return Reading{}, fmt.Errorf("the old release: %w", err)
	}
	for instance, lines := range old {
		for _, line := range l.tail("old " + instance).Next(lines) {
			l.fresh.Old(line, now)
		}
	}
	fresh, err := of.Logs(ctx, false)
	if err != nil {
		return Reading{}, err
	}
	for instance, lines := range fresh {
		for _, line := range l.tail("new " + instance).Next(lines) {
			if l.except != nil && l.except.MatchString(line) {
				continue
			}
			if p, known := l.fresh.New(line, now); !known && p != nil && (p.Error || l.Count == "lines") && len(l.came) < mostCame {
				l.came = append(l.came, now)
			}
		}
	}
	return l.reading(now), ctx.Err()
}

func (l *logSource) tail(name string) *logs.Tail {
	t := l.tails[name]
	if t == nil {
		t = &logs.Tail{}
		l.tails[name] = t
	}
	return t
}

func (l *logSource) reading(now time.Time) Reading {
	for len(l.came) > 0 && now.Sub(l.came[0]) > time.Duration(l.Over) {
		l.came = l.came[1:]
	}
	r := Reading{Value: float64(len(l.came)) * float64(time.Minute) / float64(max(l.Over, 1))}
	found := l.fresh.Found(200)
	kinds := 0
	for _, p := range found {
		if p.Error {
			kinds++
		}
		if (p.Error || l.Count == "lines") && len(r.Evidence) < shownPatterns {
			r.Evidence = append(r.Evidence, fmt.Sprintf("%dx %s", p.Count, p.Example))
		}
	}
	if l.Count == "patterns" {
		r.Value = float64(kinds)
	}
	return r
}
