package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/traffic"
)

// eyes feed the judge with what the router counted, second by second and each second once.
type eyes struct {
	router   traffic.Router // nil for a service without traffic
	service  string
	new, old string // release ids
	judge    *judge.Judge
	meter    *meter
	next     int64 // the second to be judged next
	fails    []good.Finding
	past     bool  // the judge has seen the old release's history
	blind    error // why the last look at the router showed nothing
	firstBad time.Time
	ears     *ears          // nil: users are not asked
	seen     []judge.Second // what was judged, for the samples that are kept
}

// seenMost bounds what is held in memory of a rollout; the files of samples hold less.
const seenMost = 4 * 60 * 60

// settling is how long a second may take to be complete in the router's counts.
const settling = 300 * time.Millisecond

// look opens the eyes of this rollout. The judge lives through all stages, so that evidence adds up; after a restart it reads
// again what the router still has.
func (ro *rollout) look(ctx context.Context, compare bool) (*eyes, error) {
	if ro.eyes == nil {
		e := &eyes{service: ro.in.Service, new: ro.new.Release.ID(), meter: newMeter(ro.Runtime), next: time.Now().Unix()}
		if !ro.shifted.IsZero() {
			e.next = ro.shifted.Unix()
		}
		e.ears = ro.listen(time.Unix(e.next, 0))
		conf := ro.in.Config.Judge
		conf.Reports = e.ears != nil
		e.judge = judge.New(conf)
		if ro.old != nil {
			e.old = ro.old.Release.ID()
		}
		if ro.in.Config.Traffic.counted() {
			e.router = ro.Router
			if err := e.history(ctx); err != nil && ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		ro.eyes = e
	}
	ro.eyes.judge.Beside(compare)
	return ro.eyes, nil
}

// history shows the judge how the old release did in the minutes before. A router that cannot be asked is asked again by catchUp.
func (e *eyes) history(ctx context.Context) error {
	seconds, err := e.router.Seconds(ctx, e.service, time.Unix(e.next, 0).Add(-10*time.Minute))
	if err != nil {
		e.blind = fmt.Errorf("history of %s: %w", e.service, err)
		return e.blind
	}
	e.past = true
	if e.ears != nil {
		n, err := e.ears.before(ctx, time.Unix(e.next, 0).Add(-10*time.Minute))
		if err != nil {
			e.past, e.blind = false, err
			return err
		}
		e.judge.Reported(n)
	}
	for _, s := range seconds {
		if s.Unix < e.next && s.Release == e.old {
			e.judge.History(s)
		}
	}
	return nil
}

// catchUp judges every second that is complete by now.
func (e *eyes) catchUp(ctx context.Context, now time.Time) error {
	if e.router == nil {
		return e.use(ctx, now)
	}
	until := now.Add(-settling).Unix() // this second is not over yet
	if e.next >= until {
		return nil
	}
	if !e.past && e.history(ctx) != nil {
		return ctx.Err()
	}
	seconds, err := e.router.Seconds(ctx, e.service, time.Unix(e.next, 0))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.blind = err
		return nil // findings say so; the seconds are looked at when the router can be asked again
	}
	e.blind = nil
	byTime := map[int64]judge.Second{}
	for _, s := range seconds {
		pair := byTime[s.Unix]
		switch s.Release {
		case e.new:
			pair.New = s
			if s.Errors > 0 && e.firstBad.IsZero() {
				e.firstBad = time.Unix(s.Unix, 0)
			}
		case e.old:
			pair.Old = s
		}
		byTime[s.Unix] = pair
	}
	if err := e.listen(ctx); err != nil {
		return err
	}
	uses := e.meter.read(ctx, e.service, now)
	for ; e.next < until; e.next++ {
		pair := byTime[e.next]
		pair.Unix, pair.NewUse, pair.OldUse = e.next, uses[e.new], uses[e.old]
		pair.NewRestarts = e.meter.restarts(e.new)
		if e.ears != nil {
			pair.NewReports, pair.OldReports = e.ears.due(e.next)
		}
		if e.seen = append(e.seen, pair); len(e.seen) > seenMost {
			e.seen = append(e.seen[:0:0], e.seen[seenMost/2:]...)
		}
		e.fails = append(e.fails[:0], failed(e.judge.Observe(pair))...)
		e.quote()
		if len(e.fails) > 0 {
			e.next++
			return nil // decide on this second before the next one is looked at
		}
	}
	return nil
}

// use judges what instances use, of a service that has no traffic of ours to judge.
func (e *eyes) use(ctx context.Context, now time.Time) error {
	if e.next >= now.Unix() {
		return nil
	}
	uses := e.meter.read(ctx, e.service, now)
	e.next = now.Unix()
	pair := judge.Second{Unix: e.next, NewUse: uses[e.new], OldUse: uses[e.old], NewRestarts: e.meter.restarts(e.new)}
	e.fails = append(e.fails[:0], failed(e.judge.Observe(pair))...)
	return ctx.Err()
}

// findings are what the judge says now; at the end of a stage its conclusion is part of them.
func (e *eyes) findings(end bool) []good.Finding {
	if e.router == nil || len(e.fails) > 0 || !end {
		return e.fails
	}
	if e.blind != nil {
		return []good.Finding{{Check: "traffic", Observed: e.blind.Error(), Wanted: "what the releases answered", At: time.Now()}}
	}
	return []good.Finding{e.judge.Conclude()}
}

// listen hears what users reported since the last time.
func (e *eyes) listen(ctx context.Context) error {
	if e.ears == nil {
		return nil
	}
	if err := e.ears.hear(ctx); err != nil {
		e.blind = fmt.Errorf("reports of users: %w", err)
	}
	return ctx.Err()
}

// quote puts what users said into the findings that rest on it.
func (e *eyes) quote() {
	for i := range e.fails {
		if e.ears != nil && strings.HasPrefix(e.fails[i].Check, "user reports") {
			e.fails[i].Detail = e.ears.evidence()
		}
	}
}
