package volume

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/kube"
)

// Copying is a copy whose snapshots are taken, so that its moment is past.
type Copying struct {
	*copying
	scope    Scope
	taken    []*taken
	problems []string
}

// Copied is what became of it.
type Copied struct {
	Nodes    []repository.Node // for the root of the restore point's tree
	Record   Record
	Problems []string // what is not copied, or not as it should be
	Files    int64
	Bytes    int64
	Saved    repository.Saved
}

// Take begins a copy: what an earlier one held is let go, applications are held, snapshots taken, and applications let go. The caller has called Release, calls Move next,
// and Done in any case.
func Take(ctx context.Context, k *kube.Cluster, repo *repository.Repository, in Scope, opt Options) (*Copying, error) {
	c := &Copying{copying: begin(k, repo, opt), scope: in}
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	claims, problems, err := c.find(ctx, in)
	if err != nil {
		return nil, err
	}
	c.problems = problems
	all, problems, err := c.cut(ctx, claims)
	if err != nil {
		return nil, errors.Join(err, c.Done(ctx, false))
	}
	c.taken, c.problems = all, append(c.problems, problems...)
	return c, nil
}

// Move copies what is in the snapshots, and in the volumes without, into the repository. Parent is the last restore point, of which only what changed is read again.
func (c *Copying) Move(ctx context.Context, parent *repository.Snapshot) (done Copied, err error) {
	results, err := c.moveAll(ctx, c.taken, parent)
	if err != nil {
		return done, err
	}
	done.Problems = c.problems
	done.Record = Record{Copy: c.id, Volumes: []Volume{}}
	if space, err := c.get(ctx, spacesKind, "", "kube-system"); err == nil {
		done.Record.Cluster = string(space.GetUID())
	} else if c.opt.Data.keeps() {
		done.Problems = append(done.Problems, "the cluster cannot be told from others, so that its snapshots cannot be used: "+kube.Explain(err).Error())
	}
	spaces := map[string][]repository.Node{}
	for _, m := range results {
		done.Problems = append(done.Problems, m.all...)
		done.Record.Volumes = append(done.Record.Volumes, m.record)
		done.Files, done.Bytes = done.Files+m.record.Files, done.Bytes+m.record.Bytes
		done.Saved.Plain, done.Saved.Written = done.Saved.Plain+m.saved.Plain, done.Saved.Written+m.saved.Written
		if m.node != nil {
			n := *m.node
			n.Name = repository.QuoteName(m.record.Claim)
			spaces[m.record.Namespace] = append(spaces[m.record.Namespace], n)
		}
	}
	if err := c.repo.LoadIndex(ctx); err != nil { // movers have written it
		return done, err
	}
	done.Nodes, err = c.tree(ctx, spaces, done.Record)
	return done, err
}

// tree saves the folders of volumes and what is said of them.
func (c *Copying) tree(ctx context.Context, spaces map[string][]repository.Node, r Record) (_ []repository.Node, err error) {
	s := c.repo.NewSaver(ctx, repository.SaveOptions{})
	nodes, err := save(s, spaces, r)
	if err != nil {
		return nil, errors.Join(err, s.Abort())
	}
	_, err = s.Finish()
	return nodes, err
}

func save(s *repository.Saver, spaces map[string][]repository.Node, r Record) ([]repository.Node, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	id, _, err := s.Save(repository.Data, text)
	if err != nil {
		return nil, err
	}
	record := repository.Node{Name: File, Type: "file", Mode: 0o600, Size: uint64(len(text)), Links: 1, Content: []repository.ID{id}}
	var inside []repository.Node
	for ns, nodes := range spaces {
		n, err := folder(s, ns, nodes)
		if err != nil {
			return nil, err
		}
		inside = append(inside, n)
	}
	all, err := folder(s, Folder, inside)
	return []repository.Node{all, record}, err
}

func folder(s *repository.Saver, name string, nodes []repository.Node) (repository.Node, error) {
	slices.SortFunc(nodes, func(a, b repository.Node) int { return strings.Compare(a.Name, b.Name) })
	id, err := s.SaveFolder(repository.Folder{Nodes: nodes})
	return repository.Node{Name: repository.QuoteName(name), Type: "dir", Mode: os.ModeDir | 0o700, Subtree: &id}, err
}

// Done takes away what the copy needed in the cluster. Kept says that there is a restore point, to which the snapshots belong that are kept.
func (c *Copying) Done(ctx context.Context, kept bool) error {
	keep := kept && c.opt.Data.keeps()
	return c.sweep(context.WithoutCancel(ctx), c.scope.Namespaces, func(id string) bool { return id != c.id || keep })
}
