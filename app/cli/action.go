package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(actionCommand) }

func actionCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "action", Short: "What people have to do after an incident, reminded of until it is done"}
	c.AddCommand(actionAdd(t), actionList(t), actionDone(t))
	return c
}

func actionAdd(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "add TEXT", Short: "Add something that has to be done", Args: args(1, 1, "one TEXT, in quotes")}
	owner := c.Flags().String("owner", "", "who does it")
	due := c.Flags().String("due", "7d", "by when: a date such as 2026-12-01, or a time from now such as 7d")
	run := c.Flags().String("run", "", "the rollout that it comes from, or last")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if *owner == "" {
			return usage("who does it? say --owner NAME")
		}
		at, err := dueAt(*due, time.Now())
		if err != nil {
			return err
		}
		id, err := runID(ctx, client, *run)
		if err != nil {
			return err
		}
		a, err := client.AddAction(ctx, id, args[0], *owner, at)
		if err != nil {
			return err
		}
		if t.json {
			t.document(a)
			return nil
		}
		t.say("%s: %s until %s", a.ID, a.Owner, a.Due.Local().Format("2006-01-02"))
		return nil
	})
	return c
}

// dueAt reads a date, whose end counts, or a time from now.
func dueAt(text string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation("2006-01-02", text, time.Local); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	var d config.Duration
	if err := d.UnmarshalText([]byte(text)); err != nil || d < 0 {
		return time.Time{}, usage("--due %q is no date such as 2026-12-01 and no time from now such as 7d", text)
	}
	return now.Add(time.Duration(d)), nil
}

func actionList(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "What is open, and what is late", Args: cobra.NoArgs}
	all := c.Flags().Bool("all", false, "also what is done")
	run := c.Flags().String("run", "", "only what comes from this rollout")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		found, err := client.Actions(ctx, *run, *all)
		if err != nil {
			return err
		}
		if t.json {
			t.document(found)
			return nil
		}
		for _, a := range found {
			t.say("%s  %-8s %-12s %s  %s", a.ID, stateOf(a, time.Now()), a.Owner, a.Due.Local().Format("2006-01-02"), a.Text)
		}
		if len(found) == 0 {
			t.say("nothing is open")
		}
		return nil
	})
	return c
}

func stateOf(a store.Action, now time.Time) string {
	switch {
	case !a.Done.IsZero():
		return "done"
	case a.Late(now):
		return "LATE"
	}
	return "open"
}

func actionDone(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "done ID", Short: "Note that it is done", Args: args(1, 1, "the ID of an action; goodstate action list shows them")}
	note := c.Flags().StringP("note", "m", "", "what was done")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return client.DoneAction(ctx, args[0], *note)
	})
	return c
}
