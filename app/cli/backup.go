package cli

import (
	"context"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(backupCommand) }

func backupCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "backup", Short: "Copies that restore: keep applications, prove the copies by restoring, bring them back",
		Long: "Copies go into encrypted repositories in restic's format, so that plain restic restores them too.\ngoodstate serve copies on time for the RPO of each application, and drills them.",
	}
	c.AddCommand(backupInit(t), backupStatus(t), backupRun(t), backupList(t), backupShow(t), backupDiff(t), backupDrill(t), backupRestore(t), backupVerify(t), backupCopy(t), backupForget(t), backupPrune(t),
		backupRunbook(t), backupAlerts(t), backupUnfreeze(t), backupKey(t), backupImport(t), backupRequests(t), backupApprove(t), backupRefuse(t))
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
	c.Long = "Restore into a scratch place, compare, check and measure. With --simulate something is lost first, on scratch copies only: the original goes on."
	c.Flags().StringVar(&q.Snapshot, "point", "", "restore point (default: the youngest)")
	c.Flags().StringVar(&q.From, "from", "", "`REPOSITORY` to restore from: one of the application's copies")
	c.Flags().StringVar(&q.Simulate, "simulate", "", "`FAILURE` to recover from: lost_host, lost_site, corrupted_pack, lost_database, dropped_table, deleted_namespace, lost_control_plane")
	return backupWork(t, c, backup.KindDrill, q)
}

func backupVerify(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{Use: "verify REPOSITORY", Short: "Check that a repository is whole", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	c.Flags().Float64Var(&q.Part, "part", 1, "share of the packs that are read to the last byte: 1 is all, 0.1 another tenth each day, 0 only the lists")
	return backupWork(t, c, backup.KindVerify, q)
}

func backupCopy(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{Use: "copy APPLICATION", Short: "Copy the restore points on to the second repositories", Args: args(1, 1, "an APPLICATION of goodstate.yaml")}
	c.Flags().StringVar(&q.To, "to", "", "repository to copy on to (default: all that the application has under copies)")
	return backupWork(t, c, backup.KindCopyOn, q)
}

func backupForget(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{
		Use: "forget APPLICATION", Short: "Let restore points go that keep does not want", Args: args(1, 1, "an APPLICATION of goodstate.yaml"),
		Long: "Let restore points go that keep does not want, or one that is named. Their data stays until goodstate backup prune. The youngest always stays.",
	}
	c.Flags().StringVar(&q.Snapshot, "point", "", "this restore point, whatever keep says")
	c.Flags().BoolVar(&q.DryRun, "dry-run", false, "only say which would go")
	return backupWork(t, c, backup.KindForget, q)
}

func backupPrune(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{Use: "prune REPOSITORY", Short: "Delete what no restore point needs", Args: args(1, 1, "a REPOSITORY of goodstate.yaml")}
	c.Flags().BoolVar(&q.DryRun, "dry-run", false, "only say what would be deleted")
	return backupWork(t, c, backup.KindPrune, q)
}
