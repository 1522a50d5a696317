package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/web/api"
)

func init() {
	register(statusCommand)
	register(historyCommand)
	register(reportCommand)
	register(checkCommand)
	register(planCommand)
	register(holdCommand)
	register(unholdCommand)
}

func statusCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "status [SERVICE]", Short: "Is anything wrong now, and what serves", Args: args(0, 1, "at most one SERVICE")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		var states []rollout.State
		var err error
		if len(args) == 1 {
			var st rollout.State
			st, err = client.Service(ctx, args[0])
			states = []rollout.State{st}
		} else {
			states, err = client.Services(ctx)
		}
		if err != nil {
			return err
		}
		wrong := 0
		for _, st := range states {
			if st.Problem != "" {
				wrong++
			}
		}
		if t.json {
			t.document(states)
		} else {
			for _, st := range states {
				t.state(st)
			}
		}
		if wrong > 0 {
			return &exitError{code: exitDifferences}
		}
		return nil
	})
	return c
}

func (t *terminal) state(st rollout.State) {
	serving := "nothing serves yet"
	if st.Serving != nil {
		serving = st.Serving.Version + " serves"
		if st.Good != nil && st.Good.Release.ID() == st.Serving.ID() {
			serving += ", known good"
		}
		if !st.Since.IsZero() {
			serving += " since " + st.Since.Local().Format("2006-01-02 15:04:05")
		}
	}
	t.say("%s: %s", st.Service, serving)
	if st.Problem != "" {
		t.say("  WRONG: %s", st.Problem)
	}
	if st.Active != nil {
		t.say("  under way: %s, %s by %s: %s", st.Active.Run, st.Active.Version, st.Active.Who, st.Active.Note)
	}
	if st.Last != nil {
		t.say("  last rollout: %s %s at %s: %s", st.Last.Version, st.Last.Outcome, st.Last.Ended.Local().Format("15:04:05"), st.Last.Why)
	}
	for _, in := range st.Instances {
		where := in.URL
		if in.Host != "" {
			where += " on " + in.Host
		}
		t.say("  %-28s %s %s %s", in.ID, in.State, where, in.Exit)
	}
	for _, h := range st.Held {
		t.say("  held: %s by %s: %s", h.Version, h.Who, h.Why)
	}
}

func historyCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "history [SERVICE]", Short: "What happened, newest first", Args: args(0, 1, "at most one SERVICE")}
	verify := c.Flags().Bool("verify", false, "check that the journal is what was written")
	export := c.Flags().Bool("export", false, "write the journal as JSON lines")
	runID := c.Flags().String("run", "", "only what this run did")
	limit := c.Flags().Int("limit", 30, "how many entries")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		target := ""
		if len(args) == 1 {
			target = rollout.Target(args[0])
		}
		switch {
		case *verify:
			return t.verify(ctx, client)
		case *export:
			return client.ExportJournal(ctx, t.out, target, *runID)
		}
		entries, err := client.Journal(ctx, target, *runID, *limit)
		if err != nil {
			return err
		}
		if t.json {
			t.document(entries)
			return nil
		}
		for _, e := range entries {
			t.say("%s  %-10s %-40s %s", e.At.Local().Format("2006-01-02 15:04:05"), e.Actor, e.Run, e.Text)
		}
		return nil
	})
	return c
}

func (t *terminal) verify(ctx context.Context, client *api.Client) error {
	r, err := client.VerifyJournal(ctx)
	if err != nil {
		return err
	}
	if t.json {
		t.document(r)
	} else {
		for _, p := range r.Problems {
			t.say("%s", p.What)
		}
		t.say("entries: %d, last hash: %s", r.Entries, r.Head)
	}
	if len(r.Problems) > 0 {
		return &exitError{exitDifferences, fmt.Errorf("the journal is not what was written: %s", plural(len(r.Problems), "problem"))}
	}
	return nil
}

func reportCommand(t *terminal) *cobra.Command {
	parent := &cobra.Command{Use: "report", Short: "Explain what happened"}
	c := &cobra.Command{Use: "rollout ID", Short: "The analysis of a rollback, as Markdown", Args: args(1, 1, "the ID of a run (goodstate history shows them), or last")}
	html := c.Flags().Bool("html", false, "as one HTML page that stands by itself, with charts")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		id, err := runID(ctx, client, args[0])
		if err != nil {
			return err
		}
		r, err := client.Report(ctx, id)
		if err != nil {
			return err
		}
		if t.json {
			t.document(r)
			return nil
		}
		if !*html {
			fmt.Fprint(t.out, r.Markdown())
			return nil
		}
		page, err := r.HTML()
		fmt.Fprint(t.out, page)
		return err
	})
	parent.AddCommand(c)
	return parent
}

func checkCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "check SERVICE", Short: "Run all checks of a service now", Args: args(1, 1, "SERVICE")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		findings, err := client.Check(ctx, args[0])
		if err != nil {
			return err
		}
		return t.findings(findings)
	})
	return c
}

func planCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "plan SERVICE VERSION", Short: "Say what deploy would do", Args: args(2, 2, "SERVICE and VERSION")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		p, err := client.PlanDeploy(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		t.plan(p)
		if p.Refused != "" {
			return errors.New(p.Refused)
		}
		return nil
	})
	return c
}

func (t *terminal) plan(p rollout.Plan) {
	if t.json {
		t.document(p)
		return
	}
	for i, s := range p.Steps {
		t.say("%2d. %s", i+1, s)
	}
	for _, c := range p.Commits {
		t.say("    commit %s %s", c.ID[:min(10, len(c.ID))], c.Subject)
	}
	for _, c := range p.Config {
		t.say("    configuration %s: %s -> %s", c.Path, c.Old, c.New)
	}
	for _, f := range p.FileDiffs {
		t.say("    file %s:", f.Name)
		for line := range strings.Lines(f.Diff) {
			t.say("      %s", strings.TrimSuffix(line, "\n"))
		}
	}
	if len(p.Limits) > 0 {
		t.say("    limits: %s", strings.Join(p.Limits, "; "))
	}
	for _, n := range p.Notes {
		t.say("    note: %s", n)
	}
	t.say("    command: %s", p.Command)
}

func holdCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "hold SERVICE VERSION", Short: "Keep a version from being released", Args: args(2, 2, "SERVICE and VERSION")}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return client.Hold(ctx, args[0], args[1], *why)
	})
	return c
}

func unholdCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "unhold SERVICE VERSION", Short: "Let a held version be released again", Args: args(2, 2, "SERVICE and VERSION")}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return client.Unhold(ctx, args[0], args[1], *why)
	})
	return c
}
