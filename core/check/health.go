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
func UntilHealthy(ctx context.Context, s Spec, name string, t Target, limit time.Duration, alive func() (up bool, why string)) good.Finding {
	began := time.Now()
	c, err := s.New()
	if err != nil {
		return good.Finding{Check: name, Observed: err.Error(), Wanted: "a check that can be built", At: began}
	}
	w := waiting{
		look:      func(ctx context.Context, left time.Duration) good.Finding { return s.once(ctx, c, t, left) },
		every:     min(max(time.Duration(s.Every)/5, 50*time.Millisecond), time.Second),
		successes: max(1, s.Successes), limit: limit, alive: alive, began: began,
	}
	f := w.run(ctx)
	f.Check, f.Release, f.At, f.Took = name, t.Release, time.Now(), time.Since(began)
	return f
}

// waiting is one wait for health.
type waiting struct {
	look      func(ctx context.Context, left time.Duration) good.Finding
	every     time.Duration
	successes int
	limit     time.Duration
	alive     func() (up bool, why string)

	began  time.Time
	looks  int
	passes int // in a row
	seen   sightings
	last   good.Finding // that did not pass
	wanted string
}

func (w *waiting) run(ctx context.Context) good.Finding {
	watched, stop := context.WithCancel(ctx)
	ended, done := w.watch(watched, stop)
	defer func() { stop(); <-done }()
	for {
		left := w.limit - time.Since(w.began)
		if left <= 0 {
			return w.never()
		}
		f := w.look(watched, left)
		if f.Verdict == good.Pass {
			if w.passes++; w.passes >= w.successes {
				w.looks++
				return w.healthy(f)
			}
		}
		if watched.Err() != nil {
			return w.stopped(ended)
		}
		if f.Verdict != good.Pass && w.looks > 0 && time.Since(w.began) >= w.limit {
			return w.never() // this look had no time of its own, so it says nothing
		}
		w.saw(f)
		if !pause(watched, min(w.every, max(0, w.limit-time.Since(w.began)))) {
			return w.stopped(ended)
		}
	}
}

func (w *waiting) saw(f good.Finding) {
	w.looks++
	w.wanted = f.Wanted
	if f.Verdict != good.Pass {
		w.passes = 0
		w.last = f
	}
	w.seen.add(f)
}

// watch stops the looking as soon as the instance has ended. The caller waits for done.
func (w *waiting) watch(ctx context.Context, stop func()) (ended chan string, done chan struct{}) {
	ended, done = make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		for w.alive != nil {
			if up, why := w.alive(); !up {
				ended <- why
				stop()
				return
			}
			if !pause(ctx, aliveEvery) {
				return
			}
		}
	}()
	return ended, done
}

// stopped says whether the instance ended or somebody ended the wait.
func (w *waiting) stopped(ended chan string) good.Finding {
	select {
	case why := <-ended:
		return w.exited(why)
	default:
	}
	f := good.Finding{Observed: "interrupted", Wanted: "a look to its end", Detail: w.last.Detail}
	if seen := w.seen.String(); seen != "" {
		f.Observed += "; before that " + seen
	}
	return f
}

func (w *waiting) healthy(f good.Finding) good.Finding {
	if w.looks > 1 {
		f.Observed += fmt.Sprintf(" after %s (look %d)", time.Since(w.began).Round(time.Millisecond), w.looks)
	}
	return f
}

func (w *waiting) exited(how string) good.Finding {
	f := good.Finding{Verdict: good.Fail, Wanted: "an instance that becomes healthy", Detail: w.last.Detail}
	f.Observed = "it ended while its health was awaited"
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
	spent := w.limit.Round(time.Millisecond).String()
	switch {
	case w.looks == 0:
		f.Observed, f.Verdict = "there was no time to look", good.Unknown
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
