package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// lane is a channel and the line of notices that wait for it.
type lane struct {
	name    string
	rule    Rule
	channel Channel
	words   compiled
	busy    chan struct{} // held by whoever delivers
	wake    chan struct{} // something was added
}

func newLane(rule Rule, channel Channel) *lane {
	words, _ := rule.Template.compile() // New has seen that they hold
	return &lane{words: words, name: rule.name(), rule: rule, channel: channel, busy: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
}

const (
	idleWait   = time.Minute      // between looks at an empty line; Send wakes it sooner
	brokenWait = 5 * time.Second  // after the database failed
	tidyEvery  = time.Hour        // between looks for old notices
	flushMost  = 10 * time.Second // for Flush
	recordMost = 5 * time.Second  // to record a delivery while the process is being stopped
)

// Run delivers notices until ctx ends, and returns after the last delivery that was under way has ended.
func (n *Notifier) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range n.lanes {
		all.Go(func() { n.serve(ctx, l) })
	}
	all.Go(func() {
		for {
			if err := n.queue.tidy(ctx, n.serves, n.now()); err != nil && ctx.Err() == nil {
				n.log.WarnContext(ctx, "old notices not tidied up", slog.Any("error", err))
			}
			if !pause(ctx, tidyEvery, nil) {
				return
			}
		}
	})
	all.Wait()
	n.client.CloseIdleConnections()
}

// serve delivers the notices of one lane, one after the other.
func (n *Notifier) serve(ctx context.Context, l *lane) {
	for {
		wait, _, err := n.first(ctx, l)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			n.log.ErrorContext(ctx, "notices cannot be delivered", slog.String("channel", l.name), slog.Any("error", err))
			wait = brokenWait
		}
		if !pause(ctx, wait, l.wake) {
			return
		}
	}
}

// Flush tries once to deliver everything that is due, until ctx ends and at most for ten seconds. What is left then stays stored, with the reason in
// Status: that people could not be told is no error of the work that ends here. An error means that the notices could not be read or recorded.
func (n *Notifier) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushMost)
	defer cancel()
	problems := make([]error, len(n.lanes)+1)
	var all sync.WaitGroup
	for i, l := range n.lanes {
		all.Go(func() { problems[i] = n.drain(ctx, l) })
	}
	all.Wait()
	if ctx.Err() == nil {
		problems[len(n.lanes)] = n.queue.tidy(ctx, n.serves, n.now())
	}
	n.client.CloseIdleConnections()
	return errors.Join(problems...)
}

// drain delivers what is due to one channel until the first failure.
func (n *Notifier) drain(ctx context.Context, l *lane) error {
	for {
		wait, problem, err := n.first(ctx, l)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("notices to %s: %w", l.name, err)
		case problem != nil, wait > 0:
			return nil
		}
	}
}

// first delivers the first notice of a lane if it is due. It returns how long to wait until there may be something to do, why the delivery failed
// if it did, and an error of the database or of ctx.
func (n *Notifier) first(ctx context.Context, l *lane) (wait time.Duration, problem, err error) {
	select {
	case l.busy <- struct{}{}:
		defer func() { <-l.busy }()
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	r, found, err := n.queue.head(ctx, l.name)
	if err != nil {
		return 0, nil, err
	}
	if !found {
		return idleWait, nil, nil
	}
	if wait := r.next.Sub(n.now()); wait > 0 {
		return wait, nil, nil
	}
	var said verdict
	if e, broken := decode(r.payload); broken != nil {
		said.final, problem = true, broken
	} else {
		said, problem = n.deliver(ctx, l, e, r.id)
	}
	if problem != nil && ctx.Err() != nil {
		return 0, nil, fmt.Errorf("%w while a notice was under way: %w", ctx.Err(), problem)
	}
	return n.record(ctx, l, r, problem, said)
}

// record notes the outcome of an attempt, also while the process is being stopped.
func (n *Notifier) record(ctx context.Context, l *lane, r row, problem error, said verdict) (time.Duration, error, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordMost)
	defer cancel()
	now := n.now()
	r.attempts++
	if problem == nil {
		return 0, nil, n.queue.done(ctx, r, delivered, "", now)
	}
	about := []any{slog.String("notice", r.id), slog.String("channel", l.name), slog.Int("attempt", r.attempts), slog.String("error", problem.Error())}
	next := afterFailure(r.attempts, now.Sub(r.created), said.final, said.after, n.chance())
	if next.dead {
		n.log.ErrorContext(ctx, "notice given up", about...)
		return 0, nil, n.queue.done(ctx, r, dead, next.why+": "+problem.Error(), now)
	}
	wait := time.Duration(float64(next.wait) * n.pace.Seconds())
	n.log.WarnContext(ctx, "notice not delivered, it is tried again", append(about, slog.Duration("in", wait))...)
	return wait, problem, n.queue.done(ctx, r, waiting, problem.Error(), now.Add(wait))
}

// verdict is what a failed delivery says about trying again.
type verdict struct {
	final bool
	after time.Duration
}

// deliver hands one event to a channel. The error's text holds no secrets, and nothing else of it can be unwrapped.
func (n *Notifier) deliver(ctx context.Context, l *lane, e Event, key string) (verdict, error) {
	v := &vault{get: n.secrets, redact: n.redact, out: map[string]string{}}
	ctx, cancel := context.WithTimeout(ctx, attemptMost)
	defer cancel()
	e, broken := l.words.apply(e)
	if broken != nil {
		n.log.WarnContext(ctx, "a notice is told in its own words", slog.String("channel", l.name), slog.Any("error", broken))
	}
	err := l.channel.Deliver(ctx, Notice{Event: e, Key: key, client: n.client, vault: v, threads: threads{n.queue.db}, lane: l.name})
	if err == nil {
		return verdict{}, nil
	}
	var said verdict
	var refusal *Refusal
	if errors.As(err, &refusal) {
		said = verdict{refusal.Final, refusal.After}
	}
	return said, errors.New(cut(v.clean(oneLine(err.Error())), errorMost))
}

// errorMost is the length of an error that is kept, in bytes.
const errorMost = 500

func (n *Notifier) serves(channel string) bool {
	for _, l := range n.lanes {
		if l.name == channel {
			return true
		}
	}
	return false
}

// pause waits until the time is over or something wakes it; false if ctx ended first.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}
