package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// ErrRefused says that the storage does not let us: credentials, permissions, a retention. Trying again would not help.
var ErrRefused = errors.New("the storage refuses")

// ErrStalled says that nothing moved for too long.
var ErrStalled = errors.New("the storage does not answer")

// Patience says how long a Steady storage bears what goes wrong. Zero values are the usual ones.
type Patience struct {
	Tries int           // of everything: 6
	Pause time.Duration // before the second try, doubled each time: 500 ms
	Stall time.Duration // for so long nothing may move: 90 s
}

// Steady tries again what a storage on a network did not do, and gives up on one that answers no more.
type Steady struct {
	under Storage
	p     Patience
}

// NewSteady makes a storage steady.
func NewSteady(under Storage, p Patience) *Steady {
	if p.Tries <= 0 {
		p.Tries = 6
	}
	if p.Pause <= 0 {
		p.Pause = 500 * time.Millisecond
	}
	if p.Stall <= 0 {
		p.Stall = 90 * time.Second
	}
	return &Steady{under, p}
}

// Close closes the storage below.
func (s *Steady) Close() error {
	if c, ok := s.under.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Unwrap is the storage below.
func (s *Steady) Unwrap() Storage { return s.under }

// final are answers that the next try would get too.
func final(err error) bool {
	return err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) || errors.Is(err, ErrRefused) || errors.Is(err, errCaller)
}

// errCaller marks what is the caller's own: a name that is none, content of the wrong size, what its function said.
var errCaller = errors.New("the caller's own error")

// pause waits before try number n, counted from 0, and says how often was tried when it was often enough.
func (s *Steady) pause(ctx context.Context, n int, err error) error {
	if n+1 >= s.p.Tries {
		return fmt.Errorf("%w (tried %d times)", err, n+1)
	}
	wait := min(s.p.Pause<<n, 30*time.Second)
	wait = wait/2 + rand.N(wait/2+1)
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tries does something until it is done, refused or was tried often enough.
func (s *Steady) tries(ctx context.Context, do func(ctx context.Context, w *watch, n int) error) error {
	for n := 0; ; n++ {
		live, w := s.watch(ctx)
		err := w.verdict(do(live, w, n))
		w.stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if final(err) {
			return err
		}
		if err := s.pause(ctx, n, err); err != nil {
			return err
		}
	}
}

// watch ends a context when nothing moves.
type watch struct {
	ctx   context.Context //nolint:containedctx // it is asked for its cause only
	timer *time.Timer
	stall time.Duration
	end   context.CancelCauseFunc
}

func (s *Steady) watch(ctx context.Context) (context.Context, *watch) {
	live, end := context.WithCancelCause(ctx)
	w := &watch{ctx: live, stall: s.p.Stall, end: end}
	w.timer = time.AfterFunc(w.stall, func() { end(fmt.Errorf("%w for %s", ErrStalled, w.stall)) })
	return live, w
}

func (w *watch) moved() { w.timer.Reset(w.stall) }

func (w *watch) stop() {
	w.timer.Stop()
	w.end(nil)
}

// verdict tells a stall from what it looked like.
func (w *watch) verdict(err error) error {
	if cause := context.Cause(w.ctx); err != nil && errors.Is(cause, ErrStalled) {
		return cause
	}
	return err
}

// Save tries again if the content can be read again. A file that is there after a try whose answer was lost is ours: names say what is in them.
func (s *Steady) Save(ctx context.Context, name string, size int64, content io.Reader) error {
	again, ok := content.(io.Seeker)
	return s.tries(ctx, func(ctx context.Context, w *watch, n int) error {
		if n > 0 {
			if !ok {
				return fmt.Errorf("save %s: its content cannot be read a second time: %w", name, errCaller)
			}
			if _, err := again.Seek(0, io.SeekStart); err != nil {
				return fmt.Errorf("save %s: %w: %w", name, err, errCaller)
			}
		}
		err := s.under.Save(ctx, name, size, &watched{r: content, w: w})
		if n > 0 && errors.Is(err, ErrExists) {
			if there, failed := s.under.Size(ctx, name); failed == nil && there == size {
				return nil
			}
		}
		return err
	})
}

// watched reports that content was read.
type watched struct {
	r io.Reader
	w *watch
}

func (r *watched) Read(p []byte) (int, error) {
	r.w.moved()
	return r.r.Read(p)
}

// Seek lets a client begin again by itself.
func (r *watched) Seek(offset int64, whence int) (int64, error) {
	s, ok := r.r.(io.Seeker)
	if !ok {
		return 0, errors.New("the content is a stream")
	}
	return s.Seek(offset, whence)
}

// Open reads on where a connection broke.
func (s *Steady) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r := &resumed{s: s, ctx: ctx, name: name, offset: offset, length: length}
	return r, r.open()
}

// resumed is a file that is opened again when reading it fails.
type resumed struct {
	s      *Steady
	ctx    context.Context //nolint:containedctx // it is that of Open, which its reads go on with
	name   string
	offset int64
	length int64 // that is still to come; negative: to the end
	tried  int
	r      io.ReadCloser
	w      *watch
}

func (r *resumed) open() error {
	for {
		live, w := r.s.watch(r.ctx)
		from, err := r.s.under.Open(live, r.name, r.offset, r.length)
		if err = w.verdict(err); err == nil {
			r.r, r.w = from, w
			return nil
		}
		w.stop()
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if final(err) {
			return err
		}
		if err := r.s.pause(r.ctx, r.tried, err); err != nil {
			return err
		}
		r.tried++
	}
}

// Read reads on in another connection after an error. Each new connection is a try; bytes that came make up for none, so that a storage that drips ends too.
func (r *resumed) Read(p []byte) (int, error) {
	for {
		if r.r == nil {
			if err := r.open(); err != nil {
				return 0, err
			}
		}
		r.w.moved()
		n, err := r.r.Read(p)
		r.offset += int64(n)
		if r.length >= 0 {
			r.length -= int64(n)
		}
		if n > 0 || err == nil || errors.Is(err, io.EOF) && r.length <= 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				_ = r.Close() // the next read begins anew
				err = nil
			}
			return n, err
		}
		err = r.w.verdict(err)
		_ = r.Close() // it is broken
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		if final(err) || r.past() {
			return 0, err
		}
		if err := r.s.pause(r.ctx, r.tried, fmt.Errorf("read %s: %w", r.name, err)); err != nil {
			return 0, err
		}
		r.tried++
	}
}

// past says that the file ends before what is to come, so that a new connection has nothing more to say.
func (r *resumed) past() bool {
	live, w := r.s.watch(r.ctx)
	defer w.stop()
	size, err := r.s.under.Size(live, r.name)
	return err == nil && r.length > 0 && r.offset+r.length > size
}

// Close ends reading.
func (r *resumed) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.w.stop()
	r.r = nil
	return err
}

// Size tries again.
func (s *Steady) Size(ctx context.Context, name string) (size int64, err error) {
	err = s.tries(ctx, func(ctx context.Context, _ *watch, _ int) error {
		size, err = s.under.Size(ctx, name)
		return err
	})
	return size, err
}

// List begins again after an error, and tells of each file once.
func (s *Steady) List(ctx context.Context, folder string, each func(name string, size int64) error) error {
	told := map[string]bool{}
	return s.tries(ctx, func(ctx context.Context, w *watch, _ int) error {
		return s.under.List(ctx, folder, func(name string, size int64) error {
			w.moved()
			if told[name] {
				return nil
			}
			told[name] = true
			if err := each(name, size); err != nil {
				return errors.Join(err, errCaller)
			}
			return nil
		})
	})
}

// Remove tries again.
func (s *Steady) Remove(ctx context.Context, name string) error {
	return s.tries(ctx, func(ctx context.Context, _ *watch, _ int) error { return s.under.Remove(ctx, name) })
}
