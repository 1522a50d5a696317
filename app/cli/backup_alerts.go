package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/web/api"
)

func backupAlerts(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "alerts", Short: "What looks like an attack on the copies or a mistake with them", Args: cobra.NoArgs,
		Long: "What looks like an attack on the copies or a mistake with them: deletions, unknown keys, schedules switched off, copies that shrink, change as a whole or look encrypted.\nExit code 3 says that something is open.",
	}
	all := c.Flags().Bool("all", false, "also those that are closed")
	shut := c.Flags().String("close", "", "ID of an alert that you have looked at")
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		if *shut != "" {
			return client.CloseBackupAlert(ctx, *shut, *why)
		}
		got, err := client.BackupAlerts(ctx, *all)
		if err != nil {
			return err
		}
		open := len(got.Frozen)
		if t.json {
			t.document(got)
		}
		for _, a := range got.Alerts {
			state := "open"
			if a.Closed.IsZero() {
				open++
			} else {
				state = "closed by " + a.ClosedBy
			}
			if !t.json {
				t.say("%s  %s  %s  %s  (%s, repository %s)", a.ID, a.At.Local().Format("2006-01-02 15:04:05"), a.Severity, a.Text, state, a.Repository)
				t.say("  evidence: %s", a.Evidence)
			}
		}
		if !t.json {
			for _, f := range got.Frozen {
				t.say("repository %s is frozen, nothing is deleted from it: %s", f.Repository, f.Why)
				t.say("  when all is well: goodstate backup unfreeze %s --why REASON", f.Repository)
			}
			if len(got.Alerts) == 0 && open == 0 {
				t.say("nothing was noticed")
			}
		}
		if open > 0 {
			return &exitError{code: exitIncomplete}
		}
		return nil
	})
	return c
}

func backupUnfreeze(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "unfreeze REPOSITORY", Short: "Let copies of a frozen repository be deleted again", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if *why == "" {
			return &exitError{exitUsage, errors.New("say why all is well with it: --why REASON")}
		}
		if err := client.Unfreeze(ctx, args[0], *why); err != nil {
			return err
		}
		t.say("repository %s is let go", args[0])
		return nil
	})
	return c
}
