package volume

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

//go:embed hold.sh
var holdScript string

// session is a container that is held for as long as its input is open.
type session struct {
	hold  hold
	input *io.PipeWriter
	lines chan string // closed at its end
	ended chan error
	begun time.Time
}

// stillHeld is how much longer than its own time a container may take to say that it was let go.
const stillHeld = time.Minute

// quiesce holds all containers, or lets go of those that it has and says why. What is held is noted on the disk before.
func (c *copying) quiesce(ctx context.Context, holds []hold) ([]*session, error) {
	if len(holds) == 0 {
		return nil, nil
	}
	if err := writeNote(c.opt.State, holds); err != nil {
		return nil, fmt.Errorf("nothing was held: %w", err)
	}
	sessions := make([]*session, len(holds))
	var group errgroup.Group
	for i, h := range holds {
		sessions[i] = c.open(ctx, h)
		group.Go(func() error { return sessions[i].held(ctx) })
	}
	err := group.Wait()
	if err != nil {
		problems := c.release(ctx, sessions)
		return nil, errors.Join(append([]error{err}, asErrors(problems)...)...)
	}
	return sessions, nil
}

func asErrors(problems []string) (all []error) {
	for _, p := range problems {
		all = append(all, errors.New(p))
	}
	return all
}

// open begins to hold a container. The end of ctx does not end it: it is let go in order.
func (c *copying) open(ctx context.Context, h hold) *session {
	from, input := io.Pipe()
	out, write := io.Pipe()
	s := &session{hold: h, input: input, lines: make(chan string, 8), ended: make(chan error, 1), begun: time.Now()}
	live, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*h.Within+stillHeld)
	go func() {
		defer stop()
		seconds := strconv.Itoa(int((h.Within + time.Second - 1) / time.Second))
		err := c.cluster.Exec(live, h.Container, []string{"sh", "-c", holdScript, "goodstate", h.Before, h.After, seconds}, from, write)
		_ = input.Close()
		_ = write.Close() // the pipes are ours
		s.ended <- err
	}()
	go func() {
		defer close(s.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.lines <- lines.Text()
		}
		_, _ = io.Copy(io.Discard, out) // a line that is too long must not stop it
	}()
	return s
}

// held waits until the application holds still.
func (s *session) held(ctx context.Context) error {
	select {
	case line, ok := <-s.lines:
		if ok && line == "held" {
			return nil
		}
		if !ok {
			err := <-s.ended
			s.ended <- err
			return fmt.Errorf("hold %s: %w", s.hold.Container, because(err))
		}
		err := <-s.ended
		s.ended <- err
		return fmt.Errorf("hold %s: %q did not work (%s): %w", s.hold.Container, s.hold.Before, line, because(err))
	case <-ctx.Done():
		return ctx.Err()
	}
}

func because(err error) error {
	if err == nil {
		return errors.New("it ended without a word; the container needs a shell, sleep and kill")
	}
	return err
}

// release lets all go. What it returns are containers of which nobody knows whether they go on, or that went on too early; of the first the note stays on the disk.
func (c *copying) release(ctx context.Context, sessions []*session) (problems []string) {
	if len(sessions) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	said := make([]string, len(sessions))
	lost := make([]bool, len(sessions))
	var group errgroup.Group
	for i, s := range sessions {
		group.Go(func() error {
			said[i], lost[i] = c.letGo(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // what is wrong is said
	var still []hold
	for i, s := range sessions {
		if said[i] != "" {
			problems = append(problems, said[i])
		}
		if lost[i] {
			still = append(still, s.hold)
		}
	}
	if err := writeNote(c.opt.State, still); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}

// letGo ends one session. Lost says that nobody knows whether the application goes on.
func (c *copying) letGo(ctx context.Context, s *session) (problem string, lost bool) {
	_, _ = io.WriteString(s.input, "\n") // who is gone is noticed by its answer
	_ = s.input.Close()
	last := ""
	for line := range s.lines {
		last = line
	}
	err := <-s.ended
	s.ended <- err
	var why string
	var code, end int
	if n, _ := fmt.Sscanf(last, "free %s %d %d", &why, &code, &end); n == 3 {
		switch {
		case end != 0:
			return fmt.Sprintf("%s was held and %q did not let it go, it ended with %d: %v; look at it now", s.hold.Container, s.hold.After, end, err), true
		case why == "late":
			return fmt.Sprintf("%s was held for %s and then went on by itself, before the storage had taken all snapshots: the copy may not be consistent; give it more time, or the storage less to do", s.hold.Container, s.hold.Within), false
		}
		return "", false // asked, or what held it had failed and is said already
	}
	// The connection broke: the container has been let go by itself. That is not known, so it is done once more.
	if again := c.unquiesce(ctx, s.hold); again != nil {
		return fmt.Sprintf("%s was held, the connection to it broke, and it could not be told to go on: %v; it goes on by itself %s after it was held", s.hold.Container, again, s.hold.Within), true
	}
	return fmt.Sprintf("the connection to %s broke while it was held: it went on before it was known that the storage had taken all snapshots, so that the copy may not be consistent", s.hold.Container), false
}

// unquiesce lets a container go on, however often it is asked. One that is gone holds nothing.
func (c *copying) unquiesce(ctx context.Context, h hold) error {
	pod, err := c.get(ctx, podsKind, h.Namespace, h.Pod)
	if gone(err) || err == nil && string(pod.GetUID()) != h.UID {
		return nil
	}
	if err != nil {
		return err
	}
	var out strings.Builder
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	return patiently(ctx, func() error { return c.cluster.Exec(ctx, h.Container, []string{"sh", "-c", h.After}, nil, &out) })
}
