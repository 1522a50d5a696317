package check

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
)

const aliveEvery = 200 * time.Millisecond

// UntilHealthy looks again and again until the check passes s.Successes times in a row, which is Pass; until limit is
// over or alive says that the instance has ended (false, with how), which is Fail; or until ctx ends, which is Unknown. It
// is Unknown too when no look could see anything. Retries are not used: every look is one. The finding says what was
// seen how often: "/healthz answered 503 14 times in 30s". alive may be nil.
func UntilHealthy(ctx context.Context, s Spec, name string, t Target, limit time.Duration, alive func() (bool, string)) good.Finding {
	began := time.Now()
	c, err := s.New()
	if err != nil {
		return filled(unseen("", fmt.Sprintf("the check cannot be made: %v", err)), name, t, began)
	}
	w := waiting{
		look:  func(ctx context.Context) good.Finding { return s.look(ctx, c, t) },
		every: s.every(), successes: max(1, s.Successes), limit: limit, alive: alive, began: began,
	}
	return filled(w.run(ctx), name, t, began)
}

// waiting is one wait for health.
type waiting struct {
	look      func(context.Context) good.Finding
	every     time.Duration
	successes int
	limit     time.Duration
	alive     func() (bool, string)

	began  time.Time
	looks  int
	passes int // in a row
	seen   sightings
	last   good.Finding // that did not pass
	wanted string
}

func (w *waiting) run(ctx context.Context) good.Finding {
	limited, stop := context.WithTimeout(ctx, w.limit)
	defer stop()
	ended, watched := w.watch(limited, stop)
	defer func() { stop(); <-watched }()
	for limited.Err() == nil {
		f := w.look(limited)
		if limited.Err() != nil && f.Verdict != good.Pass {
			break // this look was cut off: it says nothing about the target
		}
		w.looks++
		w.wanted = f.Wanted
		if f.Verdict == good.Pass {
			if w.passes++; w.passes >= w.successes {
				return w.healthy(f)
			}
		} else {
			w.passes = 0
			w.last = f
		}
		w.seen.add(f)
		wait(limited, w.every)
	}
	select {
	case how := <-ended:
		return w.exited(how)
	default:
	}
	if ctx.Err() != nil {
		return good.Finding{Observed: strings.TrimSuffix("interrupted; "+w.seen.String(), "; "), Wanted: w.wanted, Detail: w.last.Detail}
	}
	return w.never()
}

// watch stops the looking as soon as the instance has ended. The caller waits for done.
func (w *waiting) watch(ctx context.Context, stop func()) (ended chan string, done chan struct{}) {
	ended, done = make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		for w.alive != nil {
			if up, how := w.alive(); !up {
				ended <- how
				stop()
				return
			}
			if !wait(ctx, aliveEvery) {
				return
			}
		}
	}()
	return ended, done
}

func (w *waiting) healthy(f good.Finding) good.Finding {
	if w.looks > 1 {
		f.Observed += fmt.Sprintf(" after %s (look %d)", span(time.Since(w.began)), w.looks)
	}
	return f
}

func (w *waiting) exited(how string) good.Finding {
	f := good.Finding{Verdict: good.Fail, Wanted: "an instance that keeps running", Detail: w.last.Detail}
	f.Observed = "the instance ended"
	if how != "" {
		f.Observed += ": " + how
	}
	if s := w.seen.String(); s != "" {
		f.Observed += "; before that " + s
	}
	return f
}

func (w *waiting) never() good.Finding {
	f := w.last
	f.Verdict = w.seen.verdict()
	f.Wanted = w.wanted
	spent := span(time.Since(w.began))
	switch {
	case w.looks == 0:
		f.Observed = "no look came to an end in " + spent
		f.Verdict = good.Fail
	case w.last.Observed == "": // it passed, but never often enough in a row
		f.Observed = fmt.Sprintf("passed %d times in %s", w.looks, spent)
		f.Wanted = fmt.Sprintf("%d passes in a row", w.successes)
	default:
		f.Observed = w.seen.String() + " in " + spent
	}
	return f
}

// sightings counts what was seen, in the order in which it was first seen.
type sightings struct {
	of     []sighting
	failed bool
	blind  int // looks that saw nothing
	looks  int
}

type sighting struct {
	key, text string
	times     int
}

// sameBut makes two sightings one that differ only in how long something took.
var sameBut = regexp.MustCompile(`\d+(\.\d+)?(ns|µs|ms|s|m|h)\b`)

func (s *sightings) add(f good.Finding) {
	s.looks++
	switch f.Verdict {
	case good.Fail:
		s.failed = true
	case good.Unknown:
		s.blind++
	}
	key := sameBut.ReplaceAllString(f.Observed, "#")
	for i := range s.of {
		if s.of[i].key == key {
			s.of[i].times++
			s.of[i].text = f.Observed
			return
		}
	}
	if len(s.of) < 50 {
		s.of = append(s.of, sighting{key, f.Observed, 1})
	}
}

// verdict is Unknown when nothing was ever seen, else Fail: it is asked only after health was not reached.
func (s *sightings) verdict() good.Verdict {
	if s.blind == s.looks && !s.failed {
		return good.Unknown
	}
	return good.Fail
}

// String tells the last three kinds of sighting.
func (s *sightings) String() string {
	var parts []string
	for _, one := range s.of[max(0, len(s.of)-3):] {
		times := fmt.Sprintf(" %d times", one.times)
		if one.times == 1 {
			times = " once"
		}
		parts = append(parts, one.text+times)
	}
	return strings.Join(parts, ", then ")
}
