package backup

import (
	"context"
	"time"

	"goodstate.dev/goodstate/backup/plan"
)

// outlook completes a standing with what comes next and what to do now.
func (b *Backups) outlook(ctx context.Context, s *Standing, a Application, f plan.Facts, now time.Time) error {
	s.Broken = plan.Broken(f)
	s.Next = plan.Copying(a.Schedule, f.RPO).Due(f.Copied, now)
	s.Since = since(s.State, f)
	points, err := b.Ledger.Points(ctx, a.Repository, s.Application)
	if err != nil {
		return err
	}
	for _, p := range points {
		if p.Gone.IsZero() {
			s.Points++
			s.Level = max(s.Level, p.Level)
		}
	}
	s.Do, s.Command = advice(s, a, f, now)
	return nil
}

// since is when a state that is not good began, as far as it is known.
func since(state plan.State, f plan.Facts) time.Time {
	switch state {
	case plan.Late:
		return plan.Broken(f)
	case plan.Failing, plan.Incomplete:
		return f.Tried
	}
	return time.Time{}
}

// advice is the one thing to do now, and its command line.
func advice(s *Standing, a Application, f plan.Facts, now time.Time) (do, command string) {
	_, soon := plan.Soon(f, now)
	switch {
	case s.Running != "":
		return "See what it does", "goodstate history --run " + s.Running
	case s.State != plan.Good || soon:
		return "Copy now", "goodstate backup run " + s.Application
	case f.Restored.IsZero() || !f.Drilled.Equal(f.Restored):
		return "Drill it", "goodstate backup drill " + s.Application
	case f.Verified.IsZero():
		return "Verify " + a.Repository, "goodstate backup verify " + a.Repository
	}
	return "Drill it", "goodstate backup drill " + s.Application
}
