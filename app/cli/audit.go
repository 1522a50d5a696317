package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/web/api"
)

func init() { register(auditCommand) }

func auditCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "How far the journal and the log of results are handed on", Args: cobra.NoArgs}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		all, err := client.Audit(ctx)
		if err != nil {
			return err
		}
		wrong := false
		if t.json {
			t.document(all)
		} else if len(all) == 0 {
			t.say("nothing is handed on; goodstate explain audit and goodstate explain drift.logs tell how")
		}
		for _, s := range all {
			wrong = wrong || !s.Since.IsZero() || s.Trouble(time.Now()) != ""
			if t.json {
				continue
			}
			line := "has everything"
			if s.Behind > 0 {
				line = fmt.Sprintf("behind, entries: %d", s.Behind)
			}
			name := s.Sink
			if s.Log != "" {
				name = s.Log + " to " + name
			}
			t.say("%s: %s", name, line)
			if s.Dropped > 0 {
				t.say("  dropped because they were too many or too old: %d", s.Dropped)
			}
			if !s.Since.IsZero() {
				t.say("  WRONG: fails since %s: %s", s.Since.Local().Format("2006-01-02 15:04:05"), s.Error)
			}
		}
		if wrong {
			return &exitError{code: exitDifferences}
		}
		return nil
	})
	return c
}
