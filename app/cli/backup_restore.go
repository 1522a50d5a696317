package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/web/api"
)

func backupRestore(t *terminal) *cobra.Command {
	q := &backup.Request{}
	c := &cobra.Command{
		Use: "restore APPLICATION", Short: "Bring an application back", Args: args(1, 1, "an APPLICATION of goodstate.yaml"),
		Long: "Bring an application back: into a folder, into a database, into a cluster, or in place over the original. A folder or database with something in it is refused without --replace.\n" +
			"In a cluster, objects that are there and different are refused too, unless --existing says to skip or to update them.\n" +
			"--plan says what would be overwritten and touches nothing; it ends with 2 when something would.",
	}
	f := c.Flags()
	f.StringVar(&q.Snapshot, "point", "", "restore point (default: the youngest)")
	f.StringVar(&q.From, "from", "", "`REPOSITORY` to restore from: one of the application's copies, where its own is lost")
	f.StringVar(&q.Until, "until", "", "recover a server, or a database with its log, to a `MOMENT`: a time, a place in its log, or the name of a restore point")
	f.StringVar(&q.Folder, "to", "", "folder to restore files into, below which they have their whole paths")
	f.StringVar(&q.Database, "database", "", "secret with the URL of the database to restore into")
	f.StringVar(&q.Cluster, "cluster", "", "secret with the kubeconfig of the cluster to restore into, if it is another one")
	f.StringVar(&q.Bucket, "bucket", "", "bucket to restore into, as `NAME` or NAME/PREFIX, on the server that was copied from")
	f.BoolVar(&q.InPlace, "in-place", false, "over the original")
	f.BoolVar(&q.Replace, "replace", false, "replace what is in the way")
	f.StringToStringVar(&q.Namespaces, "namespace", nil, "namespaces of the cluster that get another name, `OLD=NEW`")
	f.StringToStringVar(&q.StorageClasses, "storage-class", nil, "storage classes that are called otherwise there, `OLD=NEW`")
	f.StringToStringVar(&q.Images, "image", nil, "beginnings of image names that are replaced, `OLD=NEW`")
	f.StringVar(&q.Existing, "existing", "", "objects of the cluster that are there and different: fail (default), skip, update")
	only := f.Bool("plan", false, "only say what would be overwritten")
	backupWork(t, c, backup.KindRestore, q)
	work := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if q.Folder != "" { // the server may be in another folder than the person
			abs, err := filepath.Abs(q.Folder)
			if err != nil {
				return fmt.Errorf("folder to restore into: %w", err)
			}
			q.Folder = abs
		}
		if !*only {
			return work(cmd, args)
		}
		return t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
			p, err := client.PlanRestore(ctx, args[0], *q)
			if err != nil {
				return err
			}
			if t.json {
				t.document(p)
			} else {
				t.restorePlan(p)
			}
			switch {
			case p.Refused != "":
				return &exitError{code: exitCouldNot}
			case p.Replace > 0:
				return &exitError{code: exitDifferences}
			}
			return nil
		})(cmd, args)
	}
	return c
}
