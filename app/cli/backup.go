package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(backupCommand) }

func backupCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "backup", Short: "Copies that restore: keep applications, prove the copies by restoring, bring them back",
		Long: "Copies go into encrypted repositories in restic's format, so that plain restic restores them too.\ngoodstate serve copies on time for the RPO of each application, and drills them.",
	}
	c.AddCommand(backupInit(t), backupStatus(t), backupRun(t), backupPoints(t), backupDrill(t), backupRestore(t), backupVerify(t), backupPrune(t), backupKeys(t))
	return c
}

func backupInit(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "init REPOSITORY", Short: "Make an empty repository", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		id, err := client.InitRepository(ctx, args[0])
		if err != nil {
			return err
		}
		if t.json {
			t.document(map[string]any{"repository": args[0], "id": id})
			return nil
		}
		t.say("repository %s is made (%s); keep its password in a second place: without it nothing can be restored", args[0], id.Short())
		return nil
	})
	return c
}

func backupStatus(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "How the copies stand: last copied, last verified, last restored", Args: cobra.NoArgs}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		all, err := client.Backups(ctx)
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
		}
		code := exitGood
		for _, s := range all {
			if s.State != plan.Good {
				code = exitIncomplete
			}
			if t.json {
				continue
			}
			t.say("%s: %s, %s", s.Application, s.State, s.Why)
			t.say("  copied %s, verified %s, restored %s", since(s.Copied), since(s.Verified), since(s.Restored))
			if s.Recovery > 0 {
				t.say("  it was back in %s%s", s.Recovery.Round(time.Millisecond), wanted(s.RTO))
			}
		}
		if code != exitGood {
			return &exitError{code: code}
		}
		return nil
	})
	return c
}

func since(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return time.Since(at).Round(time.Second).String() + " ago"
}

func wanted(rto time.Duration) string {
	if rto == 0 {
		return ""
	}
	return ", want at most " + rto.String()
}

// backupWork is a command that starts a run and follows it.
func backupWork(t *terminal, c *cobra.Command, kind string, q *backup.Request) *cobra.Command {
	why := whyFlag(c)
	wait := c.Flags().Bool("wait", false, "when another run works on it, wait for its end")
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		info, err := t.begin(ctx, client, *wait, func() (run.Info, error) { return client.StartBackup(ctx, kind, args[0], *why, *q) })
		if err != nil {
			return err
		}
		return t.followBackup(ctx, client, info)
	})
	return c
}

func backupRun(t *terminal) *cobra.Command {
	return backupWork(t, &cobra.Command{Use: "run APPLICATION", Short: "Copy an application now", Args: args(1, 1, "an APPLICATION of goodstate.yaml")}, backup.KindCopy, &backup.Request{})
}

func backupDrill(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{Use: "drill APPLICATION", Short: "Restore into a scratch place, compare, check and measure", Args: args(1, 1, "an APPLICATION of goodstate.yaml")}
	c.Flags().StringVar(&q.Snapshot, "point", "", "restore point (default: the youngest)")
	return backupWork(t, c, backup.KindDrill, q)
}

func backupVerify(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{Use: "verify REPOSITORY", Short: "Check that a repository is whole", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	c.Flags().Float64Var(&q.Part, "part", 1, "share of the packs that are read to the last byte: 1 is all, 0.1 another tenth each day, 0 only the lists")
	return backupWork(t, c, backup.KindVerify, q)
}

func backupPrune(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{Use: "prune REPOSITORY", Short: "Delete what no restore point needs", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	c.Flags().BoolVar(&q.DryRun, "dry-run", false, "only say what would be deleted")
	return backupWork(t, c, backup.KindPrune, q)
}

func backupPoints(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "points APPLICATION", Short: "The restore points, youngest first", Args: args(1, 1, "an APPLICATION of goodstate.yaml")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		all, err := client.RestorePoints(ctx, args[0])
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
			return nil
		}
		for _, p := range all {
			t.say("%s  %s  %s", p.ID.Short(), p.At.Local().Format("2006-01-02 15:04:05"), strings.Join(p.Paths, " "))
		}
		if len(all) == 0 {
			t.say("%s has no restore point; goodstate backup run %s makes one", args[0], args[0])
		}
		return nil
	})
	return c
}

func backupKeys(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "keys REPOSITORY", Short: "Which keys open a repository", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		all, err := client.RepositoryKeys(ctx, args[0])
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
			return nil
		}
		for _, k := range all {
			mark := ""
			if k.InUse {
				mark = "  (in use)"
			}
			t.say("%s  made %s by %s on %s%s", k.ID.Short(), k.Created.Local().Format("2006-01-02 15:04"), k.Username, k.Hostname, mark)
		}
		return nil
	})
	return c
}

// followBackup tells the story of a run and ends with its exit code. An interrupt cancels it: copies that were begun are gone on with by the next one.
func (t *terminal) followBackup(ctx context.Context, c *api.Client, info run.Info) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	for e, err := range c.Follow(ctx, info.ID, 0) {
		if err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		if !t.json {
			t.say("%s %s", e.At.Local().Format("15:04:05"), e.Text)
		}
	}
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errLeft}
	}
	r, err := c.Run(ctx, info.ID, time.Minute)
	if err != nil {
		return err
	}
	if t.json {
		t.document(map[string]any{"run": r.ID, "kind": r.Kind, "state": r.State, "error": r.Error, "result": r.Result})
	}
	return t.backupCode(r.Info)
}

// backupCode is the exit code of a run that ended. What a plan came to is printed.
func (t *terminal) backupCode(r run.Info) error {
	if r.State != run.Succeeded {
		return &exitError{exitCouldNot, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)}
	}
	read := func(into any) error {
		if err := json.Unmarshal(r.Result, into); err != nil {
			return fmt.Errorf("result of run %s: %w", r.ID, err)
		}
		return nil
	}
	bad, failed := false, false
	var err error
	switch r.Kind {
	case backup.KindCopy:
		var v backup.Result
		err = read(&v)
		bad, failed = !v.Complete, v.Failed != ""
	case backup.KindDrill:
		var v backup.Drilled
		err = read(&v)
		failed = !v.Good
	case backup.KindVerify:
		var v backup.Verified
		err = read(&v)
		failed = !v.Good
	case backup.KindRestore:
		var v source.Restored
		err = read(&v)
		if !t.json {
			for _, change := range v.Changes {
				t.say("%s", change)
			}
		}
		bad = len(v.Problems) > 0
	case backup.KindPrune:
		err = read(&repository.Pruned{})
	}
	switch {
	case err != nil:
		return err
	case failed:
		return &exitError{code: exitCouldNot}
	case bad:
		return &exitError{code: exitIncomplete}
	}
	return nil
}
