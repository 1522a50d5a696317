package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/backup/source"
)

// Request says what to do with an application or a repository.
type Request struct {
	Snapshot string  `json:"snapshot,omitempty" doc:"a restore point; the youngest when empty"`
	Until    string  `json:"until,omitempty" doc:"moment to recover a server to: a time, a place in its log, or the name of a restore point"`
	Folder   string  `json:"folder,omitempty" doc:"folder to restore into"`
	Database string  `json:"database,omitempty" doc:"name of a secret with the URL of the database to restore into"`
	Cluster  string  `json:"cluster,omitempty" doc:"name of a secret with the kubeconfig of the cluster to restore into"`
	Bucket   string  `json:"bucket,omitempty" doc:"bucket to restore into, after a slash what the keys begin with there"`
	InPlace  bool    `json:"in_place,omitempty" doc:"restore over the original"`
	Replace  bool    `json:"replace,omitempty" doc:"replace what is in the way"`
	Part     float64 `json:"part,omitempty" doc:"share of the packs that are read whole, 0 to 1"`
	To       string  `json:"to,omitempty" doc:"repository to copy on to; all that are configured when empty"`
	From     string  `json:"from,omitempty" doc:"repository to restore from, one of the application's copies; its own when empty"`
	Simulate string  `json:"simulate,omitempty" doc:"failure that a drill simulates on scratch copies: lost_host, lost_site, corrupted_pack, lost_database, dropped_table, deleted_namespace or lost_control_plane"`
	DryRun   bool    `json:"dry_run,omitempty" doc:"change nothing: for prune, and for a restore into a cluster"`

	Namespaces     map[string]string `json:"namespaces,omitempty" doc:"namespaces of a cluster that get another name, old to new"`
	StorageClasses map[string]string `json:"storage_classes,omitempty" doc:"storage classes that get another name, old to new"`
	Images         map[string]string `json:"images,omitempty" doc:"beginnings of image names that are replaced, old to new"`
	Existing       string            `json:"existing,omitempty" doc:"objects of a cluster that are there and different: fail, skip or update; fail when empty"`

	As   string   `json:"as,omitempty" doc:"service account of the cluster to restore as, NAMESPACE:NAME, instead of the source's own"`
	Only []string `json:"only,omitempty" doc:"namespaces of the restore point that come back, without anything of the cluster itself; all that the source has when empty"`

	Import *Foreign `json:"import,omitempty" doc:"backup of another tool that becomes a restore point"`
}

// check says what is wrong with a request to restore, for a kind of source.
func (q Request) check(kind string) error {
	cluster := kind == "kubernetes"
	if kind == "bucket" {
		return q.checkBucket()
	}
	if q.Bucket != "" {
		return errors.New("--bucket is for applications that are copied from a bucket")
	}
	inCluster := q.Cluster != "" || len(q.Namespaces) > 0
	n := 0
	for _, given := range []bool{q.Folder != "", q.Database != "", q.InPlace, inCluster} {
		if given {
			n++
		}
	}
	if cluster {
		switch {
		case q.Folder != "" || q.Database != "":
			return errors.New("objects of a cluster come back in a cluster only: say --in-place, --cluster SECRET, or --namespace OLD=NEW beside the original")
		case n != 1:
			return errors.New("say where to restore to, once: --in-place, --cluster SECRET, or --namespace OLD=NEW beside the original")
		case q.Replace:
			return errors.New("--replace is for folders and databases; for a cluster say --existing update")
		}
		switch q.Existing {
		case "", "fail", "skip", "update":
			return nil
		}
		return fmt.Errorf("--existing %q: want fail, skip or update", q.Existing)
	}
	switch {
	case inCluster || q.Existing != "" || len(q.StorageClasses)+len(q.Images) > 0:
		return errors.New("--cluster, --namespace, --storage-class, --image and --existing are for applications that are copied from a cluster")
	case n != 1:
		return errors.New("say where to restore to: --to FOLDER, --database SECRET, or --in-place over the original")
	}
	return nil
}

// checkBucket is check for a bucket.
func (q Request) checkBucket() error {
	switch {
	case q.Folder != "" || q.Database != "" || q.Cluster != "" || len(q.Namespaces)+len(q.StorageClasses)+len(q.Images) > 0 || q.Existing != "":
		return errors.New("objects of a bucket come back in a bucket only: say --in-place, or --bucket NAME or NAME/PREFIX on the same server")
	case q.InPlace == (q.Bucket != ""):
		return errors.New("say where to restore to, once: --in-place, or --bucket NAME or NAME/PREFIX on the same server")
	}
	return nil
}

// bucket is a bucket and a prefix, as a request names them.
func (q Request) bucket() *source.Bucket {
	name, prefix, _ := strings.Cut(q.Bucket, "/")
	return &source.Bucket{Name: name, Prefix: prefix, Plan: q.DryRun}
}

func (b *Backups) place(ctx context.Context, src source.Source, j source.Job, q Request) (source.Place, error) {
	until, err := source.ParseUntil(q.Until)
	if err != nil {
		return source.Place{}, err
	}
	switch {
	case q.Cluster != "" || len(q.Namespaces) > 0:
		return b.cluster(ctx, source.Place{Cluster: &source.Cluster{}}, q)
	case q.Bucket != "":
		return source.Place{Bucket: q.bucket(), Replace: q.Replace}, nil
	case q.InPlace:
		to, err := src.Original(ctx, j)
		if err == nil && to.Bucket != nil {
			to.Bucket.Plan = q.DryRun
			return to, nil
		}
		if err == nil && to.Cluster != nil {
			return b.cluster(ctx, to, q)
		}
		to.Until, to.Onward = until, q.onward()
		return to, err
	case q.Database != "":
		url, err := b.Secret(ctx, q.Database)
		return source.Place{URL: url, Name: "of secret " + q.Database, Replace: q.Replace, Until: until, Onward: q.onward()}, err
	}
	folder, err := filepath.Abs(q.Folder)
	if err != nil {
		return source.Place{}, err
	}
	return source.Place{Folder: folder, Replace: q.Replace, Until: until, Onward: q.onward()}, nil
}

// cluster fills in under which names objects come back, and where.
func (b *Backups) cluster(ctx context.Context, to source.Place, q Request) (source.Place, error) {
	c := to.Cluster
	c.Namespaces, c.StorageClasses, c.Images, c.Plan, c.Existing = q.Namespaces, q.StorageClasses, q.Images, q.DryRun, q.Existing
	c.As, c.Only = q.As, q.Only
	if c.Existing == "" {
		c.Existing = "fail"
	}
	if q.Cluster == "" {
		return to, nil
	}
	var err error
	c.Kubeconfig, err = b.Secret(ctx, q.Cluster)
	if err == nil && c.Kubeconfig == "" {
		err = fmt.Errorf("secret %s is empty; want the text of a kubeconfig", q.Cluster)
	}
	return to, err
}

// from is the repository that a restore or a drill reads: the application's own, or a copy where that one is lost.
func (a Application) from(q Request) (string, error) {
	if q.From == "" || q.From == a.Repository {
		return a.Repository, nil
	}
	if !slices.Contains(a.Copies, q.From) {
		return "", fmt.Errorf("the application is not copied to a repository %q; it has %v", q.From, append([]string{a.Repository}, a.Copies...))
	}
	return q.From, nil
}
