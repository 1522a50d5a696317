package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes/mover"
	"goodstate.dev/goodstate/core/kube"
)

// moved is what became of a volume.
type moved struct {
	record Volume
	node   *repository.Node
	saved  repository.Saved
	all    []string // problems
}

// moveAll copies what is in the volumes, several at a time. A volume that cannot be copied is a problem and not the end.
func (c *copying) moveAll(ctx context.Context, all []*taken, parent *repository.Snapshot) ([]moved, error) {
	results := make([]moved, len(all))
	var group errgroup.Group
	group.SetLimit(max(1, c.opt.Parallel))
	for i, t := range all {
		group.Go(func() error {
			results[i] = c.one(ctx, t, before(ctx, c.repo, parent, t.claim))
			return nil
		})
	}
	return results, errors.Join(group.Wait(), ctx.Err())
}

// one copies what is in one volume.
func (c *copying) one(ctx context.Context, t *taken, last *repository.Node) (m moved) {
	m.record = Volume{Namespace: t.namespace, Claim: t.name, Way: t.way, Held: t.held && t.way != byFiles, Driver: t.driver}
	fail := func(err error) moved {
		m.record.Problem = kube.Explain(err).Error()
		m.all = append(m.all, fmt.Sprintf("volume of claim %s: %s", t.claim, m.record.Problem))
		return m
	}
	if t.problem != nil {
		return fail(t.problem)
	}
	c.opt.Say(fmt.Sprintf("volume %s by %s", t.claim, t.way))
	job := mover.Job{Do: mover.Copy, Before: last, Exclude: c.opt.ExcludeFiles}
	if !c.opt.Data.moves() {
		job = mover.Job{Do: mover.Look}
	}
	var err error
	if job.Repository, err = c.repo.Share(); err != nil {
		return fail(err)
	}
	if t.snapshot != "" {
		if m.record.Snapshot, err = c.keep(ctx, t); err != nil {
			return fail(err)
		}
	}
	out, err := c.read(ctx, t, job)
	if err == nil {
		err = c.believe(ctx, t, out, last)
	}
	if err != nil {
		return fail(err)
	}
	for _, p := range out.Problems {
		if !p.Changed || t.snapshot != "" { // a snapshot does not change while it is read
			m.all = append(m.all, fmt.Sprintf("volume of claim %s: %s", t.claim, p))
		}
	}
	m.record.Files, m.record.Bytes, m.record.Unchanged, m.saved = out.Files, out.Bytes, out.Unchanged, out.Saved
	if job.Do == mover.Copy {
		m.record.Moved, m.node = true, &out.Node
	}
	return m
}

// read has a mover read the volume: of the snapshot, or beside the pods.
func (c *copying) read(ctx context.Context, t *taken, job mover.Job) (out mover.Outcome, err error) {
	by := &carrier{copying: c, namespace: t.namespace, claim: t.name, node: t.node}
	say := func(p mover.Progress) {
		c.opt.Say(fmt.Sprintf("volume %s: %d files, %d MB", t.claim, p.Files, p.Bytes>>20))
	}
	if t.snapshot == "" {
		if t.here && t.node == "" {
			return out, errors.New("it is a folder of a node, no pod uses it, and nothing says which node it is; start what uses it, or give its PersistentVolume a nodeAffinity")
		}
		return by.carry(ctx, job, say)
	}
	size, err := c.ready(ctx, t)
	if err != nil {
		return out, err
	}
	by.claim, by.node = c.name(t.claim), ""
	if err := c.claimOf(ctx, t, by.claim, size); err != nil {
		return out, err
	}
	out, err = by.carry(ctx, job, say)
	return out, errors.Join(err, c.unclaim(context.WithoutCancel(ctx), t.namespace, by.claim))
}

// claimOf makes a claim with what the snapshot has.
func (c *copying) claimOf(ctx context.Context, t *taken, name, size string) error {
	spec := map[string]any{
		"accessModes": []any{"ReadWriteOnce"}, "resources": map[string]any{"requests": map[string]any{"storage": larger(t.size, size)}},
		"dataSource": map[string]any{"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": t.snapshot},
	}
	if t.class != "" {
		spec["storageClassName"] = t.class
	}
	if t.block {
		spec["volumeMode"] = "Block"
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": map[string]any{"name": name, "namespace": t.namespace, "labels": c.marks()}, "spec": spec,
	}}
	err := patiently(ctx, func() error {
		_, err := c.in(claimsKind, t.namespace).Create(ctx, o, metav1.CreateOptions{FieldManager: "goodstate"})
		return ignore(err, apierrors.IsAlreadyExists)
	})
	if err != nil {
		return fmt.Errorf("make a volume of snapshot %s: %w", t.snapshot, kube.Explain(err))
	}
	return nil
}

func (c *copying) unclaim(ctx context.Context, namespace, name string) error {
	err := patiently(ctx, func() error {
		return ignore(c.in(claimsKind, namespace).Delete(ctx, name, metav1.DeleteOptions{}), apierrors.IsNotFound)
	})
	if err != nil {
		return fmt.Errorf("remove the claim %s/%s of the copy: %w", namespace, name, kube.Explain(err))
	}
	return nil
}

// believe refuses an empty copy of what is not empty: a driver may say that a snapshot is ready, and have nothing in it. What nobody can tell is not believed.
func (c *copying) believe(ctx context.Context, t *taken, out mover.Outcome, last *repository.Node) error {
	if out.Entries > 0 || t.snapshot == "" || t.block {
		return nil
	}
	if last != nil && last.Subtree != nil {
		if f, err := c.repo.Folder(ctx, *last.Subtree); err == nil && len(f.Nodes) > 0 {
			return fmt.Errorf("its snapshot is ready but empty; the last copy had %s and %d more", f.Nodes[0].Name, len(f.Nodes)-1)
		}
	}
	asked := false
	for _, u := range t.users {
		var seen bytes.Buffer
		in := kube.Container{Namespace: t.namespace, Pod: u.pod, Name: u.container}
		if err := c.cluster.Exec(ctx, in, []string{"ls", "-A", u.path}, nil, &seen); err != nil {
			continue
		}
		asked = true
		for _, name := range strings.Fields(seen.String()) {
			if name != "lost+found" {
				return fmt.Errorf("its snapshot is ready but empty, and pod %s sees %s in the volume", u.pod, path.Join(u.path, name))
			}
		}
	}
	if asked {
		return nil
	}
	live, err := (&carrier{copying: c, namespace: t.namespace, claim: t.name, node: t.node}).carry(ctx, mover.Job{Do: mover.Look}, func(mover.Progress) {})
	switch {
	case err != nil:
		return fmt.Errorf("its snapshot is ready but empty, and nobody can tell whether the volume is: %w", err)
	case live.Entries > 0:
		return fmt.Errorf("its snapshot is ready but empty, and the volume has %d files", live.Files)
	}
	return nil
}

// before is a volume as the last restore point has it, or nil.
func before(ctx context.Context, repo *repository.Repository, parent *repository.Snapshot, cl *claim) *repository.Node {
	if parent == nil {
		return nil
	}
	n, err := nodeAt(ctx, repo, parent.Tree, Folder, cl.namespace, cl.name)
	if err != nil {
		return nil // all is read again
	}
	return n
}

// errNowhere says that a tree has no such path.
var errNowhere = errors.New("the restore point has no such path")

// nodeAt finds a node by its path in a tree.
func nodeAt(ctx context.Context, repo *repository.Repository, tree repository.ID, names ...string) (*repository.Node, error) {
	for i, name := range names {
		f, err := repo.Folder(ctx, tree)
		if err != nil {
			return nil, err
		}
		var found *repository.Node
		for k := range f.Nodes {
			if f.Nodes[k].Name == repository.QuoteName(name) {
				found = &f.Nodes[k]
			}
		}
		switch {
		case found == nil:
			return nil, fmt.Errorf("%w: %s", errNowhere, path.Join(names...))
		case i == len(names)-1:
			return found, nil
		case found.Subtree == nil:
			return nil, fmt.Errorf("%w: %s", errNowhere, path.Join(names...))
		}
		tree = *found.Subtree
	}
	return nil, errNowhere
}
