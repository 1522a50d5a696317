package cli

import (
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app/demo"
)

func demoDrift(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "drift", Short: "See hosts that were changed behind the tool's back found and put right", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		out, err := demo.Drift(ctx, demo.Options{Say: t.story, Log: t.logger()})
		return t.ending(&out, &out.Problem, err)
	}
	return c
}
