package cli

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app/demo"
)

func init() { register(demoCommand) }

func demoCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "demo", Short: "See a bad release found and taken back, in about a minute", Args: cobra.NoArgs}
	strategy := c.Flags().String("strategy", "canary", strings.Join(demo.Strategies(), ", "))
	fine := c.Flags().Bool("good", false, "release a v2 that is fine, and see it promoted")
	keep := c.Flags().Bool("keep", false, "leave the shop, its repository and its record for exploring")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains(demo.Strategies(), *strategy) {
			return usage("unknown strategy %q, want one of %s", *strategy, strings.Join(demo.Strategies(), ", "))
		}
		me, err := self()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		out, err := t.demo(ctx, demo.Options{Strategy: *strategy, Good: *fine, Keep: *keep, Self: me, Log: t.logger()})
		if t.json {
			if err != nil {
				out.Problem = err.Error()
			}
			t.document(out)
			if err != nil {
				return &exitError{code: exitCouldNot}
			}
			return nil
		}
		if err == nil && *keep {
			t.say("everything is kept in %s; try: goodstate -f %s/goodstate.yaml status", out.Dir, out.Dir)
		}
		return err
	}
	return c
}

func (t *terminal) demo(ctx context.Context, o demo.Options) (demo.Outcome, error) {
	o.Say = func(line string) {
		if t.json {
			t.document(map[string]string{"say": line})
			return
		}
		t.say("%s", line)
	}
	return demo.Run(ctx, o)
}
