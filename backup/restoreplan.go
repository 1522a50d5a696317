package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
)

// RestorePlan says what a restore would do, before anything is touched.
type RestorePlan struct {
	Application string     `json:"application"`
	Point       string     `json:"point"`
	At          time.Time  `json:"at"`
	Lost        string     `json:"lost"` // what was done since that moment is not in it
	Level       plan.Level `json:"level"`
	Proof       string     `json:"proof"`
	To          string     `json:"to"`
	Bytes       int64      `json:"bytes"`
	Create      int64      `json:"create"`  // files that are not there
	Replace     int64      `json:"replace"` // that are there and differ
	Same        int64      `json:"same"`    // that are there with equal size and time
	Overwrites  []string   `json:"overwrites"`
	Changes     []string   `json:"changes,omitempty"` // in a cluster: object by object, with the difference
	More        bool       `json:"more,omitempty"`    // more is overwritten than is listed
	Refused     string     `json:"refused,omitempty"` // why it would not be done
	Command     string     `json:"command"`
	Took        string     `json:"took,omitempty"` // what the last drill took
}

// PlanRestore says what a restore would create and overwrite. It changes nothing.
func (b *Backups) PlanRestore(ctx context.Context, application string, q Request) (RestorePlan, error) {
	p := RestorePlan{Application: application, Overwrites: []string{}}
	a, err := b.application(application)
	if err != nil {
		return p, err
	}
	if err := q.check(a.Source.Name()); err != nil {
		return p, err
	}
	src, err := a.Source.New()
	if err != nil {
		return p, err
	}
	_, recovers := src.(source.Recoverer)
	if _, over := src.(source.Overwriter); recovers && !over {
		return p, fmt.Errorf("%s is recovered into an empty folder only, so that nothing can be overwritten and there is no plan; leave out --plan", application)
	}
	p.Command = restoreCommand(application, q)
	err = b.onPoint(ctx, application, q, func(repo *repository.Repository, s repository.Snapshot) error {
		j := source.Job{Repo: repo, Application: application, Base: b.Base, Secret: b.Secret, Say: func(string) {}}
		to, err := b.place(ctx, src, j, q)
		if err != nil {
			return err
		}
		p.Point, p.At, p.To = s.ID.String(), s.Time, to.String()
		p.Lost = fmt.Sprintf("what was done in the %s since then is not in it", time.Since(s.Time).Round(time.Second))
		if to.Cluster != nil {
			return p.cluster(ctx, src, j, s, to)
		}
		if to.Bucket != nil {
			return p.bucket(ctx, src, j, s, to)
		}
		if l, ok := src.(source.Overwriter); ok {
			p.Overwrites, err = l.Overwrites(ctx, j, to)
			p.Replace = int64(len(p.Overwrites))
		} else if to.Folder != "" {
			err = p.files(ctx, repo, s, to.Folder)
		}
		if err == nil && p.Replace+p.Same > 0 && !to.Replace {
			p.Refused = fmt.Sprintf("%s has something in it already; --replace writes over what is in the way", p.To)
		}
		return err
	})
	if err != nil {
		return p, err
	}
	from, err := a.from(q)
	if err != nil {
		return p, err
	}
	return p, b.provenness(ctx, a, from, &p)
}

func (b *Backups) provenness(ctx context.Context, a Application, from string, p *RestorePlan) error {
	known, err := b.Ledger.Points(ctx, from, p.Application)
	for _, k := range known {
		if k.ID == p.Point {
			p.Level, p.Proof = k.Level, k.Words()
		}
	}
	facts, _, factsErr := b.facts(ctx, p.Application, a)
	if facts.Took > 0 {
		p.Took = facts.Took.Round(time.Millisecond).String()
	}
	return errors.Join(err, factsErr)
}

// cluster asks the API server what it would do.
func (p *RestorePlan) cluster(ctx context.Context, src source.Source, j source.Job, s repository.Snapshot, to source.Place) error {
	existing := to.Cluster.Existing
	to.Cluster.Plan = true
	if existing == "fail" {
		to.Cluster.Existing = "skip" // to see all that is in the way
	}
	would, err := src.Restore(ctx, j, s, to)
	if err != nil {
		return err
	}
	p.Changes, p.Create, p.Replace = would.Changes, would.Created, would.Updated
	if existing == "fail" && would.Kept > 0 {
		p.Refused = fmt.Sprintf("%d objects are there and different; --existing says to skip or to update them", would.Kept)
	}
	return nil
}

// bucket compares object by object.
func (p *RestorePlan) bucket(ctx context.Context, src source.Source, j source.Job, s repository.Snapshot, to source.Place) error {
	to.Bucket.Plan = true
	would, err := src.Restore(ctx, j, s, to)
	if err != nil {
		return err
	}
	p.Changes, p.Create, p.Replace, p.Same, p.Bytes = would.Changes, would.Created, would.Updated, would.Kept, would.Bytes
	p.More = int64(len(would.Changes)) < would.Created+would.Updated
	if would.Updated > 0 && !to.Replace {
		p.Refused = fmt.Sprintf("%d objects are there and different; --replace writes over them", would.Updated)
	}
	return nil
}

// files compares what is in the way with the restore point.
func (p *RestorePlan) files(ctx context.Context, repo *repository.Repository, s repository.Snapshot, target string) error {
	if entries, err := os.ReadDir(target); err == nil && len(entries) > 0 {
		p.Same = 0
		defer func() { // a folder with anything in it is refused without replace, also where no name is equal
			if p.Same+p.Replace == 0 && target != "/" {
				p.Refused = fmt.Sprintf("there are %d files in %s already, want an empty folder, or --replace", len(entries), target)
			}
		}()
	}
	return repo.Walk(ctx, s.Tree, func(at string, n *repository.Node) (bool, error) {
		info, err := os.Lstat(filepath.Join(target, filepath.FromSlash(at)))
		switch {
		case n.Type == "dir":
			return true, ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			p.Create++
		case err == nil && n.Type == "file" && info.Mode().IsRegular() && info.Size() == int64(n.Size) && info.ModTime().Equal(n.ModTime):
			p.Same++
		default:
			p.Replace++
			if len(p.Overwrites) < 1000 {
				p.Overwrites = append(p.Overwrites, filepath.Join(target, filepath.FromSlash(at)))
			} else {
				p.More = true
			}
		}
		p.Bytes += int64(n.Size)
		return true, ctx.Err()
	})
}

// restoreCommand is the command line that is equal to a request.
func restoreCommand(application string, q Request) string {
	line := "goodstate backup restore " + application
	if q.Snapshot != "" {
		line += " --point " + q.Snapshot
	}
	if q.From != "" {
		line += " --from " + q.From
	}
	if q.Until != "" {
		line += " --until '" + q.Until + "'"
	}
	switch {
	case q.InPlace:
		line += " --in-place"
	case q.Database != "":
		line += " --database " + q.Database
	case q.Cluster != "":
		line += " --cluster " + q.Cluster
	case q.Bucket != "":
		line += " --bucket " + q.Bucket
	case len(q.Namespaces) > 0:
	default:
		line += " --to " + q.Folder
	}
	for _, names := range []struct {
		flag string
		of   map[string]string
	}{{"--namespace", q.Namespaces}, {"--storage-class", q.StorageClasses}, {"--image", q.Images}} {
		for _, old := range slices.Sorted(maps.Keys(names.of)) {
			line += " " + names.flag + " " + old + "=" + names.of[old]
		}
	}
	if q.Existing != "" {
		line += " --existing " + q.Existing
	}
	if q.Replace {
		line += " --replace"
	}
	return line
}
