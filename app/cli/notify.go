package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/web/api"
)

func init() { register(notifyCommand) }

func notifyCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: "The channels on which people are told"}
	c.AddCommand(notifyTest(t), notifyStatus(t))
	return c
}

func notifyTest(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "test [CHANNEL]", Short: "Send a test to one channel, or to all, and say what went wrong", Args: args(0, 1, "at most one CHANNEL")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if len(args) == 0 {
			st, err := client.Notices(ctx)
			if err != nil {
				return err
			}
			if args = st.Channels; len(args) == 0 {
				return errors.New("no channel is configured; goodstate explain notify tells how")
			}
		}
		var problems []error
		for _, name := range args {
			err := client.TestChannel(ctx, name)
			if err != nil {
				problems = append(problems, err)
			}
			if t.json {
				t.document(map[string]string{"channel": name, "error": text(err)})
			} else if err == nil {
				t.say("%s: the other side has taken it", name)
			}
		}
		return errors.Join(problems...)
	})
	return c
}

func notifyStatus(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "What did not arrive, and why", Args: cobra.NoArgs}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		st, err := client.Notices(ctx)
		if err != nil {
			return err
		}
		if t.json {
			t.document(st)
		} else {
			t.say("%s, %s not delivered", plural(len(st.Channels), "channel"), plural(len(st.Undelivered), "notice"))
			for _, u := range st.Undelivered {
				what := "waits, tried " + plural(u.Attempts, "time")
				if u.Dead {
					what = "given up"
				}
				t.say("  %s  %s: %s: %s %s", u.Created.Local().Format("2006-01-02 15:04:05"), u.Channel, u.Title, what, u.Error)
			}
		}
		if len(st.Undelivered) > 0 {
			return &exitError{code: exitDifferences}
		}
		return nil
	})
	return c
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
