package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(doctorCommand) }

func doctorCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "doctor", Short: "Look whether this machine has what rollouts need, and change nothing", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		conf, base, err := t.load()
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		owner := api.OverSocket(app.SocketPath(conf.Data))
		_, err = owner.Services(ctx)
		findings := app.Doctor(ctx, conf, base, err == nil)
		if err == nil {
			findings = append(findings, journalFinding(ctx, owner))
		}
		return t.findings(findings)
	}
	return c
}

// journalFinding asks the owner of the data directory whether its journal is what was written.
func journalFinding(ctx context.Context, c *api.Client) good.Finding {
	f := good.Finding{Check: "journal", Wanted: "every entry as it was written"}
	r, err := c.VerifyJournal(ctx)
	switch {
	case err != nil:
		f.Observed = err.Error()
	case len(r.Problems) > 0:
		f.Verdict, f.Observed, f.Hint = good.Fail, r.Problems[0].What, "goodstate history --verify lists all places"
	default:
		f.Verdict, f.Observed = good.Pass, fmt.Sprintf("%d entries, as they were written", r.Entries)
	}
	return f
}

// findings prints what was found and chooses the exit code.
func (t *terminal) findings(findings []good.Finding) error {
	if t.json {
		t.document(findings)
	} else {
		for _, f := range findings {
			t.say("%s", f)
			if f.Hint != "" && f.Verdict != good.Pass {
				t.say("  hint: %s", f.Hint)
			}
		}
	}
	switch good.Overall(findings) {
	case good.Pass:
		return nil
	case good.Fail:
		return &exitError{code: exitDifferences}
	default:
		return &exitError{code: exitUndecided}
	}
}
