package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/web/api"
)

func init() {
	register(deployCommand)
	register(rollbackCommand)
	for _, s := range []struct{ name, short string }{
		{rollout.SignalPromote, "Let the rollout under way go on to its next stage now"},
		{rollout.SignalPause, "Keep the rollout under way where it is"},
		{rollout.SignalResume, "Let a paused rollout judge again"},
	} {
		register(func(t *terminal) *cobra.Command { return tellCommand(t, s.name, s.short) })
	}
}

func deployCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "deploy SERVICE VERSION", Short: "Release a version, and go back by itself if it is bad",
		Long: "Release a version: a tag, a branch or a commit of the service's repository. The command follows the rollout to its end.\n" +
			"Ctrl-C takes the release back; a second Ctrl-C leaves it where it is, to be continued by the next command or by goodstate serve.",
		Args: args(2, 2, "SERVICE and VERSION"),
	}
	why := whyFlag(c)
	force := c.Flags().Bool("force", false, "release it although it is held")
	wait := c.Flags().Bool("wait", false, "when another run works on the service, wait for its end")
	c.RunE = t.with(carries, func(ctx context.Context, api *api.Client, args []string) error {
		info, err := t.begin(ctx, api, *wait, func() (run.Info, error) { return api.Deploy(ctx, args[0], args[1], *why, *force) })
		if err != nil {
			return err
		}
		return t.follow(ctx, api, args[0], info.ID, 0)
	})
	return c
}

func rollbackCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "rollback [SERVICE]", Short: "Go back to the last known-good point", Args: args(0, 1, "at most one SERVICE")}
	why := whyFlag(c)
	to := c.Flags().String("to", "", "known-good point, or version of one, to go back to")
	plan := c.Flags().Bool("plan", false, "only say what would be done")
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		name, err := one(ctx, client, args)
		if err != nil {
			return err
		}
		p, err := client.PlanRollback(ctx, name, *to)
		if err != nil {
			return err
		}
		if *plan || p.Refused != "" {
			t.plan(p)
			if p.Refused != "" {
				return errors.New(p.Refused)
			}
			return nil
		}
		seen, err := head(ctx, client)
		if err != nil {
			return err
		}
		info, err := client.Rollback(ctx, name, *to, *why)
		if err != nil {
			return err
		}
		return t.follow(ctx, client, name, info.ID, seen)
	})
	return c
}

func tellCommand(t *terminal, signal, short string) *cobra.Command {
	c := &cobra.Command{Use: signal + " [SERVICE]", Short: short, Args: args(0, 1, "at most one SERVICE")}
	why := whyFlag(c)
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		name, err := one(ctx, client, args)
		if err != nil {
			return err
		}
		seen, err := head(ctx, client)
		if err != nil {
			return err
		}
		info, err := client.Tell(ctx, name, signal, *why)
		if err != nil {
			return err
		}
		if signal == rollout.SignalPause {
			t.say("%s is told to pause", info.ID)
			return nil
		}
		return t.follow(ctx, client, name, info.ID, seen)
	})
	return c
}

// head is where the journal ends now: who answers a rollout that waits follows it from there, not up to its old question.
func head(ctx context.Context, c *api.Client) (int64, error) {
	newest, err := c.Journal(ctx, "", "", 1)
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Seq, nil
}

// one is the service that was named, or the only one there is.
func one(ctx context.Context, c *api.Client, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	all, err := c.Services(ctx)
	if err != nil {
		return "", err
	}
	if len(all) != 1 {
		return "", usage("%s are configured, say which one", plural(len(all), "service"))
	}
	return all[0].Service, nil
}

// begin starts a run; with wait it first waits for the run that holds the lease.
func (t *terminal) begin(ctx context.Context, c *api.Client, wait bool, start func() (run.Info, error)) (run.Info, error) {
	for {
		info, err := start()
		var p *api.Problem
		if !wait || !errors.As(err, &p) || p.Code != api.CodeLeased {
			return info, err
		}
		for {
			r, err := c.Run(ctx, p.Holder, 30*time.Second)
			if err != nil {
				return info, err
			}
			if r.State != run.Running {
				break
			}
		}
	}
}

// errLeft says that the user left a run where it is.
var errLeft = errors.New("left as it is; goodstate serve, or the next goodstate promote, resume or rollback, goes on with it")

// follow tells the story of a run line by line, from a place in the journal on, and ends with its exit code. The first interrupt takes the release back, the
// second one leaves.
func (t *terminal) follow(ctx context.Context, c *api.Client, service, id string, after int64) error {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	go func() {
		select {
		case <-interrupts:
			fmt.Fprintln(t.err, "going back; Ctrl-C again leaves everything as it is")
			if _, err := c.Tell(ctx, service, rollout.SignalRollback, "interrupted at the terminal"); err != nil {
				fmt.Fprintln(t.err, err)
			}
		case <-ctx.Done():
			return
		}
		select {
		case <-interrupts:
			leave(errLeft)
		case <-ctx.Done():
		}
	}()
	for e, err := range c.Follow(ctx, id, after) {
		if err != nil {
			return err
		}
		if !t.json {
			t.say("%s %s", e.At.Local().Format("15:04:05"), e.Text)
		}
		if (e.Event == "approval-refused" || e.Event == "approval-ignored") && !t.interactive() {
			return &exitError{exitUndecided, fmt.Errorf("%s goes on waiting: %s", id, e.Text)}
		}
		if strings.HasSuffix(e.Event, "-paused") && !t.interactive() {
			if strings.HasPrefix(e.Event, "approve-") {
				return &exitError{exitUndecided, fmt.Errorf("%s waits for approval: goodstate approve %s, or goodstate rollback %s", id, id, service)}
			}
			return &exitError{exitUndecided, fmt.Errorf("%s waits for a person: goodstate promote, resume or rollback %s", id, service)}
		}
	}
	if context.Cause(ctx) != nil {
		return &exitError{exitInterrupted, context.Cause(ctx)}
	}
	r, err := c.Run(ctx, id, time.Minute)
	if err != nil {
		return err
	}
	return t.ended(r)
}

// ended prints how a run ended and chooses the exit code.
func (t *terminal) ended(r api.Run) error {
	res, err := rollout.ResultOf(r.Info)
	if err != nil {
		return err
	}
	if t.json {
		t.document(map[string]any{"run": r.ID, "state": r.State, "error": r.Error, "result": res})
	} else if r.Error == "" {
		t.result(t.out, res)
		if res.Outcome == rollout.RolledBack {
			t.say("  next: goodstate report rollout %s; goodstate revert %s; goodstate prevent %s", r.ID, r.ID, r.ID)
		}
	}
	code := map[rollout.Outcome]int{rollout.Promoted: exitGood, rollout.RolledBack: exitRolledBack, rollout.CouldNot: exitCouldNot, rollout.Incomplete: exitIncomplete}[res.Outcome]
	if r.State != run.Succeeded {
		return &exitError{exitIncomplete, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)}
	}
	if code == exitGood {
		return nil
	}
	return &exitError{code: code}
}

func (t *terminal) result(w io.Writer, res rollout.Result) {
	fmt.Fprintf(w, "\n%s %s: %s\n  %s\n", res.Service, res.Release.Version, res.Outcome, res.Why)
	all := res.Findings
	if res.Trigger != nil && res.Outcome == rollout.RolledBack {
		all = append(slices.Clone(res.Trigger.Findings), all...)
	}
	for _, f := range all {
		if f.String() != res.Why {
			fmt.Fprintf(w, "  %s\n", f)
		}
		for _, line := range lastLines(f.Detail, 10) {
			fmt.Fprintf(w, "    | %s\n", line)
		}
	}
	if res.Held != "" {
		fmt.Fprintf(w, "  %s is held; goodstate unhold %s %s lets it go\n", res.Held, res.Service, res.Held)
	}
}

// lastLines are at most n lines from the end of a text; none of an empty one.
func lastLines(text string, n int) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}
