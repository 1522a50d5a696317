package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// patiently tries again what only waited in vain for a lock.
func (s *session) patiently(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || !isLockTimeout(err) || try == tries {
			return err
		}
		wait := time.NewTimer(time.Duration(try) * s.config.LockTimeout.Std() / 4)
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
}

// takeBack undoes the changes of a file that failed, on a database that cannot do that by itself.
func (s *session) takeBack(ctx context.Context, cause error, at Change, group []Change) error {
	rows, err := s.rows(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return r.State != done || !slices.ContainsFunc(group, func(c Change) bool { return c.Seq == r.Seq })
	})
	for i, r := range slices.Backward(rows) {
		if err := errors.Join(s.undoRow(ctx, &r), s.forget(ctx, r.Seq)); err != nil {
			return fmt.Errorf("%w; %d changes of %s before it could not be undone and are still there, the last of them %s: %w; remove the cause and run Back or Expand again",
				cause, i+1, at.File, r.Undo.Change.Place(), err)
		}
	}
	if err := s.forget(ctx, at.Seq); err != nil {
		return errors.Join(cause, err)
	}
	if len(rows) > 0 {
		return fmt.Errorf("%w; the %d changes of %s before it were undone", cause, len(rows), at.File)
	}
	return cause
}
