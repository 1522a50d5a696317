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
		if err == nil && *keep && !t.json {
			t.say("everything is kept in %s; try: goodstate -f %s/goodstate.yaml status", out.Dir, out.Dir)
		}
		return t.ending(&out, &out.Problem, err)
	}
	c.AddCommand(demoDatabase(t), demoBackup(t), demoDrift(t), demoTill(t))
	return c
}

func demoDatabase(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "database", Short: "See a bad release taken back with its schema and every row", Args: cobra.NoArgs}
	driver := c.Flags().String("driver", "sqlite", strings.Join(demo.Databases(), ", ")+"; for the last two "+demo.DatabaseURL+" names an empty database")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains(demo.Databases(), *driver) {
			return usage("unknown database %q, want one of %s", *driver, strings.Join(demo.Databases(), ", "))
		}
		me, err := self()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		out, err := demo.Database(ctx, *driver, demo.Options{Self: me, Log: t.logger(), Say: t.story})
		return t.ending(&out, &out.Problem, err)
	}
	return c
}

func demoBackup(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "backup", Short: "See a dropped table come back as it was the second before, with every row", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		me, err := self()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		out, err := demo.Backup(ctx, demo.Options{Self: me, Log: t.logger(), Say: t.story})
		return t.ending(&out, &out.Problem, err)
	}
	return c
}

// demoTill is one instance of the demo's shop with a database; goodstate starts it by itself.
func demoTill(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "till", Short: "One instance of the demo's shop", Args: cobra.NoArgs, Hidden: true}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		t.verbose = true
		return demo.Till(cmd.Context(), t.logger())
	}
	return c
}

// ending is a demo's end: a document that names its problem where the caller is a program, else its error.
func (t *terminal) ending(outcome any, problem *string, err error) error {
	if !t.json {
		return err
	}
	if err != nil {
		*problem = err.Error()
	}
	t.document(outcome)
	if err != nil {
		return &exitError{code: exitCouldNot}
	}
	return nil
}

// story tells one line of a demo.
func (t *terminal) story(line string) {
	if t.json {
		t.document(map[string]string{"say": line})
		return
	}
	t.say("%s", line)
}

func (t *terminal) demo(ctx context.Context, o demo.Options) (demo.Outcome, error) {
	o.Say = t.story
	return demo.Run(ctx, o)
}
