package cli

import (
	"context"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/web/api"
)

func init() { register(revertCommand) }

func revertCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "revert RUN", Short: "Make a Git branch on which a release that was rolled back is taken back", Args: args(1, 1, "the ID of a RUN that was rolled back, or last"),
		Long: "Makes the branch goodstate/revert-VERSION with one commit on top of the branch that has the release. It works on Git's objects only:\n" +
			"your checkout, your index and your branches are not touched. Where it does not apply cleanly it says so, and makes nothing.",
	}
	push := c.Flags().Bool("push", false, "of a repository on another machine: make the branch there")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		id, err := runID(ctx, client, args[0])
		if err != nil {
			return err
		}
		r, err := client.Revert(ctx, id, *push)
		if err != nil {
			return err
		}
		if t.json {
			t.document(r)
			return nil
		}
		t.say("branch %s: commit %s on top of %s, %s", r.Branch, short(r.Commit), r.Base, plural(len(r.Files), "file"))
		for _, f := range r.Files {
			t.say("  %s", f)
		}
		t.say("%s", r.Next)
		return nil
	})
	return c
}
