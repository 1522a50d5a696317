package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/web/api"
)

const aRequest = "the ID of a REQUEST, see goodstate backup requests"

func backupRequests(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "requests", Short: "Deletions that wait for a second person", Args: cobra.NoArgs,
		Long: "Deletions that wait for a second person, in repositories with two_persons. Exit code 5 says that something waits.",
	}
	all := c.Flags().Bool("all", false, "also those that ended")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		got, err := client.BackupRequests(ctx, *all)
		if err != nil {
			return err
		}
		if t.json {
			t.document(got)
		} else if len(got) == 0 {
			t.say("nothing waits for a second person")
		}
		open := false
		for _, r := range got {
			open = open || r.Open()
			if !t.json {
				t.sayRequest(r)
			}
		}
		if open {
			return &exitError{code: exitUndecided}
		}
		return nil
	})
	return c
}

// sayRequest is a request in a line or two.
func (t *terminal) sayRequest(r ledger.Request) {
	by := r.Who
	if by == "" {
		by = "goodstate.yaml"
	}
	t.say("%s  %s  %s asks to %s", r.ID, r.At.Local().Format("2006-01-02 15:04"), by, r.Text)
	if r.Why != "" {
		t.say("  because: %s", r.Why)
	}
	for _, a := range r.Agreed {
		t.say("  %s agrees  %s", a.Who, a.Why)
	}
	switch {
	case r.State == ledger.Waiting:
		t.say("  %d of %d agree, it waits until %s: goodstate backup approve|refuse %s", len(r.Agreed), r.Needs, r.Until.Local().Format("2006-01-02 15:04"), r.ID)
	case r.State == ledger.Agreed:
		t.say("  agreed; it begins when nothing else works on it and the repository is not frozen")
	default:
		t.say("  %s %s: %s", r.State, r.Ended.Local().Format("2006-01-02 15:04"), r.Outcome)
	}
}

func backupApprove(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "approve REQUEST", Short: "Agree to a deletion that somebody else asked for", Args: args(1, 1, aRequest),
		Long: "Agree to a deletion that somebody else asked for. It is done when enough persons agree: one other than who asked, and two where goodstate.yaml asks.",
	}
	why := whyFlag(c)
	wait := c.Flags().Bool("wait", false, "when another run works on it, wait for its end")
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		var r ledger.Request
		if _, err := t.begin(ctx, client, *wait, func() (info run.Info, err error) {
			r, err = client.ApproveBackup(ctx, args[0], *why)
			return info, err
		}); err != nil {
			return err
		}
		if r.State == ledger.Done && r.Became() {
			got, err := client.Run(ctx, r.Outcome, 0)
			if err != nil {
				return err
			}
			return t.followBackup(ctx, client, got.Info)
		}
		switch {
		case t.json:
			t.document(r)
		case r.State == ledger.Waiting:
			t.say("you agree; another person has to: %s", r.Text)
		default:
			t.say("%s: %s", strings.ToLower(r.State), r.Outcome)
		}
		if r.Open() {
			return &exitError{code: exitUndecided}
		}
		return nil
	})
	return c
}

func backupRefuse(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "refuse REQUEST", Short: "End a request to delete copies, or take your own back", Args: args(1, 1, aRequest)}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		r, err := client.RefuseBackup(ctx, args[0], *why)
		if err != nil {
			return err
		}
		t.keySaid(r, "nothing comes of it: %s", r.Text)
		return nil
	})
	return c
}
