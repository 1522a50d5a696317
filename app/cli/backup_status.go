package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/web/api"
)

func backupStatus(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "status [APPLICATION]", Short: "How the copies stand: last copied, last verified, last restored", Args: args(0, 1, "at most one APPLICATION")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		all, err := client.Backups(ctx)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			if all, err = standingOf(all, args[0]); err != nil {
				return err
			}
		}
		seen, err := client.BackupAlerts(ctx, false)
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
		}
		code := exitGood
		for _, s := range all {
			if s.State != plan.Good {
				code = exitIncomplete
			}
			if !t.json {
				t.standing(s)
			}
		}
		if !t.json {
			t.watched(seen)
		}
		if code != exitGood {
			return &exitError{code: code}
		}
		return nil
	})
	return c
}

func standingOf(all []backup.Standing, name string) ([]backup.Standing, error) {
	for _, s := range all {
		if s.Application == name {
			return []backup.Standing{s}, nil
		}
	}
	return nil, usage("no application %q in goodstate.yaml; goodstate backup status lists them", name)
}

func (t *terminal) standing(s backup.Standing) {
	text := ""
	if !s.Since.IsZero() {
		text = ", since " + s.Since.Local().Format("2006-01-02 15:04:05")
	}
	t.say("%s: %s, %s%s", s.Application, s.State, s.Why, text)
	t.say("  copied %s, verified %s, restored %s", since(s.Copied), since(s.Verified), since(s.Restored))
	if s.Log != nil {
		t.say("  log %s", logWords(s.Log))
	}
	if s.Points > 0 {
		t.say("  %s, the best of them %s", plural(s.Points, "restore point"), s.Level)
	}
	if s.Recovery > 0 {
		t.say("  it was back in %s%s", s.Recovery.Round(time.Millisecond), wanted(s.RTO))
	}
	if s.State != plan.Good {
		t.say("  do: %s", s.Command)
	}
}

// watched says what the watch has noticed, after the states.
func (t *terminal) watched(w api.Watched) {
	for _, f := range w.Frozen {
		t.say("repository %s is frozen, nothing is deleted from it: %s", f.Repository, f.Why)
	}
	if n := len(w.Alerts); n > 0 {
		t.say("%s open: goodstate backup alerts", plural(n, "alert"))
	}
}

func since(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return time.Since(at).Round(time.Second).String() + " ago"
}

func wanted(rto time.Duration) string {
	if rto == 0 {
		return ""
	}
	return ", want at most " + rto.String()
}

// logWords says how a streamed log stands.
func logWords(l *backup.LogStanding) string {
	text := "is not here yet"
	if !l.Until.IsZero() {
		text = fmt.Sprintf("streamed up to %s ago", l.Age.Round(time.Second))
	}
	if l.Why != "" {
		text += "; " + l.Why
	}
	return text
}
