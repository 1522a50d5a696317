package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// streams are the logs that are followed now, by application.
type streams struct {
	mu  sync.Mutex
	all map[string]*source.Stream
}

func (s *streams) of(application string) *source.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[application]
}

func (s *streams) set(application string, stream *source.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*source.Stream{}
	}
	s.all[application] = stream
}

// LogStanding is how a log stands that is streamed.
type LogStanding struct {
	Until time.Time     `json:"until,omitzero"` // it can be gone back to any moment up to here
	Age   time.Duration `json:"age_ns"`
	Why   string        `json:"why,omitempty"`   // what is wrong with it
	Spool int64         `json:"spool,omitempty"` // bytes that wait on this machine for a copy
	Held  int64         `json:"held,omitempty"`  // bytes that the server keeps
}

func (s *streams) standing(application string, now time.Time) *LogStanding {
	stream := s.of(application)
	if stream == nil {
		return nil
	}
	st := stream.State()
	l := &LogStanding{Until: st.At, Why: st.Why, Spool: st.Spool, Held: st.Held}
	if st.Gap != "" {
		l.Until, l.Why = time.Time{}, st.Gap
	}
	if !st.Seen.IsZero() {
		l.Age = max(0, now.Sub(st.Seen))
	}
	return l
}

// until is the moment up to which a streamed log goes on from the youngest restore point; zero when there is none.
func (s *streams) until(application string) time.Time {
	stream := s.of(application)
	if stream == nil {
		return time.Time{}
	}
	if st := stream.State(); st.Gap == "" {
		return st.Seen
	}
	return time.Time{}
}

// follow streams the logs of all applications that have one, until ctx ends.
func (b *Backups) follow(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for name, a := range b.Configured().Applications.All() {
		src, err := a.Source.New()
		if err != nil {
			continue // copies say what is wrong
		}
		if s, ok := src.(source.Streamer); ok && s.StreamEvery() > 0 {
			all.Go(func() { b.followOne(ctx, name, a, s) })
		}
	}
}

// followAgain is how long a log that could not be followed waits for the next try.
const followAgain = 10 * time.Second

func (b *Backups) followOne(ctx context.Context, name string, a Application, s source.Streamer) {
	said := notices{backups: b, application: name}
	for ctx.Err() == nil {
		j, err := b.quietJob(name)
		if err == nil {
			stream := &source.Stream{
				Job: j, Places: placesOf(a), Open: b.unlock, Notice: said.tell,
				Want: func(ctx context.Context, why string) error { return b.wantCopy(ctx, name, why) },
			}
			b.streams.set(name, stream)
			err = s.Stream(ctx, stream)
			b.streams.set(name, nil)
		}
		if err != nil && ctx.Err() == nil {
			said.tell(ctx, source.Notice{Kind: "log-stopped", Bad: true, Text: err.Error()})
		}
		select {
		case <-ctx.Done():
		case <-time.After(followAgain):
		}
	}
}

// wantCopy starts a copy, but not again and again where it fails.
func (b *Backups) wantCopy(ctx context.Context, name, why string) error {
	runs, err := b.Engine.List(ctx, run.Filter{Target: Target(name), Kind: KindCopy, Limit: 1})
	if err != nil {
		return err
	}
	if len(runs) > 0 && (runs[0].State == run.Running || time.Since(runs[0].Ended) < retryAfter && runs[0].State != run.Succeeded) {
		return nil
	}
	return b.start(ctx, KindCopy, name, why, Request{})
}

// notices tells people once of each thing that begins or ends.
type notices struct {
	backups     *Backups
	application string

	mu  sync.Mutex
	bad map[string]time.Time
}

func (n *notices) tell(ctx context.Context, what source.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	since, was := n.bad[what.Kind]
	if was == what.Bad {
		return
	}
	if n.bad == nil {
		n.bad = map[string]time.Time{}
	}
	now := time.Now()
	e := notify.Event{Type: "backup." + what.Kind, Phase: notify.Trigger, Severity: notify.Warning, Service: n.application, At: now, Text: what.Text, Title: n.application + ": " + logWords(what.Kind)}
	if what.Bad {
		n.bad[what.Kind], since = now, now
	} else {
		delete(n.bad, what.Kind)
		e.Phase, e.Severity, e.Title = notify.End, notify.Info, n.application+": over: "+logWords(what.Kind)
	}
	e.ID = fmt.Sprintf("%s/%s/%d/%s", what.Kind, n.application, since.UnixNano(), e.Phase)
	b := n.backups
	_, err := b.Journal.Append(ctx, journal.Entry{Event: what.Kind, Target: Target(n.application), Actor: "goodstate", Text: e.Title + ": " + what.Text, Key: e.ID})
	if b.Notify != nil {
		err = errors.Join(err, b.Notify.Send(ctx, e))
	}
	if err != nil && ctx.Err() == nil {
		b.Log.WarnContext(ctx, "not told", "application", n.application, "what", what.Kind, "error", err)
	}
}

func logWords(kind string) string {
	switch kind {
	case "log-stopped":
		return "its log does not come"
	case "log-held":
		return "the server keeps much of its log"
	case "log-room":
		return "there is no room for its log"
	case "log-gap":
		return "its log has a gap"
	}
	return "its log is not put into a second repository"
}

// trimLog removes what was streamed into a repository and is in its youngest restore point.
func (b *Backups) trimLog(ctx context.Context, in input, j source.Job) error {
	src, err := in.Config.Source.New()
	if err != nil {
		return err
	}
	s, ok := src.(source.Streamer)
	if !ok {
		return nil
	}
	points, err := pointsOf(ctx, j.Repo, in.Application)
	if err != nil || len(points) == 0 {
		return err
	}
	return s.TrimLog(ctx, j, points[len(points)-1])
}

// onward says whether what was streamed since the restore point is wanted: no point was named, so all that there is.
func (q Request) onward() bool { return q.Snapshot == "" }

// covering is the restore point that a moment is recovered from; the youngest where its streamed log reaches the moment.
func (b *Backups) covering(ctx context.Context, repo *repository.Repository, in input, all []repository.Snapshot) (repository.Snapshot, error) {
	until, err := source.ParseUntil(in.Request.Until)
	if err != nil {
		return repository.Snapshot{}, err
	}
	snap, err := until.Covering(all)
	if err == nil {
		return snap, nil
	}
	src, newErr := in.Config.Source.New()
	s, ok := src.(source.Streamer)
	if newErr != nil || !ok {
		return snap, err
	}
	youngest := all[len(all)-1]
	j := source.Job{Repo: repo, Application: in.Application}
	end, endErr := s.LogEnd(ctx, j, youngest)
	for patience := time.Now().Add(max(10*time.Second, 3*s.StreamEvery())); endErr == nil && end.Before(until.Time) && b.streams.of(in.Application) != nil && time.Now().Before(patience); {
		select { // it is on its way
		case <-ctx.Done():
			return snap, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		end, endErr = s.LogEnd(ctx, j, youngest)
	}
	switch {
	case endErr != nil:
		return snap, endErr
	case end.IsZero():
		return snap, err
	case end.Before(until.Time):
		return snap, fmt.Errorf("the streamed log is here up to %s, which is before %s; wait until it is, or make a copy, where the server still runs", end.Format(time.RFC3339Nano), until.Time.Format(time.RFC3339Nano))
	}
	return youngest, nil
}

// placesOf are the repositories of an application, its own first.
func placesOf(a Application) []string { return slices.Concat([]string{a.Repository}, a.Copies) }
