package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
	"goodstate.dev/goodstate/web/api"
)

// driftConfigured runs a playbook of goodstate.yaml and prints what the record has then.
func (t *terminal) driftConfigured(cmd *cobra.Command, name string, mode record.Mode, limit, why string) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "limit" && f.Name != "why" && cmd.LocalNonPersistentFlags().Lookup(f.Name) != nil {
			wrong = usage("--%s: goodstate.yaml says that under drift.playbooks.%s; only --limit and --why go with a name of it", f.Name, name)
		}
	})
	if wrong != nil {
		return wrong
	}
	return t.with(carries, func(ctx context.Context, client *api.Client, _ []string) error {
		info, err := t.begin(ctx, client, false, func() (run.Info, error) { return client.StartDrift(ctx, mode, name, limit, why) })
		if err != nil {
			return err
		}
		return t.followDrift(ctx, client, name, info)
	})(cmd, nil)
}

// followDrift tells the story of a run, and ends with what is known then. An interrupt leaves the run: the next process that carries out runs goes on with it.
func (t *terminal) followDrift(ctx context.Context, c *api.Client, playbook string, info run.Info) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if err := t.tell(ctx, c, info.ID); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, fmt.Errorf("run %s is left as it is; goodstate serve, or the next goodstate command that starts work, goes on with it; goodstate drift cancel %s ends it", info.ID, info.ID)}
	}
	r, err := c.Run(ctx, info.ID, time.Minute)
	if err != nil {
		return err
	}
	if r.State != run.Succeeded {
		return &exitError{exitCouldNot, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)}
	}
	conf, _, err := t.load()
	if err != nil {
		return err
	}
	s, err := store.OpenReadOnly(ctx, conf.Data)
	if err != nil {
		return err
	}
	return errors.Join(t.driftShow(ctx, record.Reader(s), playbook, info.ID), s.Close())
}

func driftAsks(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "asks [PLAYBOOK]", Short: "Corrections that wait for an approver", Args: args(0, 1, "a playbook of goodstate.yaml")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		name := ""
		if len(args) == 1 {
			name = args[0]
		}
		all, err := client.DriftAsks(ctx, name)
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
			return nil
		}
		for _, a := range all {
			what := a.Task
			if a.Cause == "" {
				what = "all that differs"
			}
			t.say("%s  %s: %s on %s, asked %s: %s", a.ID, a.Playbook, what, state.Fold(a.Hosts), a.At.Local().Format("2006-01-02 15:04"), a.Why)
		}
		if len(all) == 0 {
			t.say("nothing waits")
		}
		return nil
	})
	return c
}

func driftApprove(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "approve ID", Short: "Agree to a correction, and carry it out", Args: args(1, 1, "the ID of a correction that waits; goodstate drift asks shows them")}
	why := whyFlag(c)
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		info, err := client.ApproveDrift(ctx, args[0], *why)
		if err != nil {
			return err
		}
		return t.followDrift(ctx, client, driftPlaybookOf(info), info)
	})
	return c
}

// driftPlaybookOf is the playbook that a run is about.
func driftPlaybookOf(info run.Info) string {
	const before = "playbook/"
	if len(info.Target) > len(before) {
		return info.Target[len(before):]
	}
	return ""
}

func driftReject(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "reject ID", Short: "Leave a difference as it is; it is not asked about for a week", Args: args(1, 1, "the ID of a correction that waits; goodstate drift asks shows them")}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if err := client.RejectDrift(ctx, args[0], *why); err != nil {
			return err
		}
		t.say("%s is left as it is", args[0])
		return nil
	})
	return c
}

func driftCancel(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "cancel RUN", Short: "End a run of a playbook where it is", Args: args(1, 1, "a RUN that is under way"),
		Long: "End a run of a playbook where it is. Hosts that it had not come to are left; one that it was correcting is unknown until it is looked at again.",
	}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if err := client.CancelDrift(ctx, args[0], *why); err != nil {
			return err
		}
		all, err := client.Corrections(ctx, args[0])
		if err != nil {
			return err
		}
		if t.json {
			t.document(map[string]any{"run": args[0], "corrections": all})
			return nil
		}
		t.say("%s is ended", args[0])
		for _, one := range all {
			t.say("%s: %s %s", one.Host, one.State, one.Why)
		}
		return nil
	})
	return c
}
