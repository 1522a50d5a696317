package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/web/api"
)

func init() { register(approveCommand) }

func approveCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "approve RUN", Short: "Agree to what a rollout waits for", Args: args(1, 1, "the ID of a RUN that waits for approval, or last")}
	why := whyFlag(c)
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		seen, err := head(ctx, client)
		if err != nil {
			return err
		}
		id, err := runID(ctx, client, args[0])
		if err != nil {
			return err
		}
		info, err := client.Approve(ctx, id, "", *why)
		if err != nil {
			return err
		}
		return t.follow(ctx, client, strings.TrimPrefix(info.Target, "service/"), info.ID, seen)
	})
	return c
}
