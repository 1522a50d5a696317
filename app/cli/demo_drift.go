package cli

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app/demo"
)

func demoDrift(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "drift", Short: "See hosts that were changed behind the tool's back found and put right", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		me, err := self()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		out, err := demo.Drift(ctx, demo.Options{Self: me, Say: t.story, Log: t.logger()})
		return t.ending(&out, &out.Problem, err)
	}
	return c
}
