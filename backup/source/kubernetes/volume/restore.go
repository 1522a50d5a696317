package volume

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes/mover"
	"goodstate.dev/goodstate/core/kube"
)

// Restoring brings volumes back together with their claims: Make before a claim is made, Fill after all are and before anything that uses them, Done in any case.
type Restoring struct {
	*copying
	snap    repository.Snapshot
	record  Record
	here    bool // it is the cluster of the copy, so that its snapshots can be used
	verify  bool
	mu      sync.Mutex
	pending []*pending

	Bytes, Files int64
}

// pending is a claim whose data is to come.
type pending struct {
	namespace, name string // where it comes back
	of              Volume
	snapshot        bool // its volume is made of a snapshot
}

// Restore begins to bring volumes back. It is nil where the restore point has none.
func Restore(ctx context.Context, k *kube.Cluster, repo *repository.Repository, snap repository.Snapshot, opt Options, verify bool) (*Restoring, error) {
	r := &Restoring{copying: begin(k, repo, opt), snap: snap, verify: verify}
	var err error
	if r.record, err = recordOf(ctx, repo, snap); err != nil || len(r.record.Volumes) == 0 {
		return nil, err
	}
	space, err := r.get(ctx, spacesKind, "", "kube-system")
	r.here = err == nil && r.record.Cluster != "" && string(space.GetUID()) == r.record.Cluster
	return r, nil
}

// recordOf is what a restore point says of its volumes.
func recordOf(ctx context.Context, repo *repository.Repository, snap repository.Snapshot) (Record, error) {
	n, err := nodeAt(ctx, repo, snap.Tree, File)
	if errors.Is(err, errNowhere) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, fmt.Errorf("volumes of restore point %s: %w", snap.ID.Short(), err)
	}
	var text []byte
	for _, id := range n.Content {
		part, err := repo.Blob(ctx, id)
		if err != nil {
			return Record{}, fmt.Errorf("volumes of restore point %s: %w", snap.ID.Short(), err)
		}
		text = append(text, part...)
	}
	r, err := Read(text)
	if err != nil {
		return r, fmt.Errorf("volumes of restore point %s: %w", snap.ID.Short(), err)
	}
	return r, nil
}

// Make prepares a claim, which has its new namespace and class by now, for the data of the claim it was. It returns in words what becomes of the data, or an error why
// there is none. With dry nothing is made.
func (r *Restoring) Make(ctx context.Context, namespace, name string, o *unstructured.Unstructured, dry bool) (note string, err error) {
	v, ok := r.find(namespace, name)
	switch {
	case !ok:
		return "", nil
	case !v.Moved && v.Snapshot == nil:
		return "", fmt.Errorf("its data is not in the restore point: %s", v.Problem)
	}
	mark := r.snap.Tree.String()
	old, err := r.get(ctx, claimsKind, o.GetNamespace(), o.GetName())
	if err != nil && !gone(err) {
		return "", kube.Explain(err)
	}
	there := err == nil
	if there && old.GetAnnotations()[filling] != mark {
		return "its volume is there and keeps its data; delete the claim to have the data of the restore point", nil
	}
	if dry {
		return fmt.Sprintf("with %d files, %d MB", v.Files, v.Bytes>>20), nil
	}
	p := &pending{namespace: o.GetNamespace(), name: o.GetName(), of: v}
	if v.Snapshot != nil && r.here && !there {
		size, err := r.borrow(ctx, p)
		if err != nil && !v.Moved {
			return "", err
		}
		if p.snapshot = err == nil; p.snapshot {
			grow(o, size)
		} else {
			r.opt.Say(fmt.Sprintf("the snapshot of %s cannot be used (%v); its data comes from the repository", v, err))
		}
	}
	if there && !v.Moved {
		p.snapshot = true // an earlier restore made it so
	}
	if !p.snapshot && !v.Moved {
		return "", errors.New("its data is in a snapshot of another cluster's storage; only data: repository or both can be restored here")
	}
	marks := o.GetAnnotations()
	if marks == nil {
		marks = map[string]string{}
	}
	marks[filling] = mark
	o.SetAnnotations(marks)
	if p.snapshot && !there {
		_ = unstructured.SetNestedMap(o.Object, map[string]any{"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": r.lentName(p)}, "spec", "dataSource") // spec is an object
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, p)
	return fmt.Sprintf("with %d files, %d MB", v.Files, v.Bytes>>20), nil
}

func (r *Restoring) find(namespace, name string) (Volume, bool) {
	for _, v := range r.record.Volumes {
		if v.Namespace == namespace && v.Claim == name {
			return v, true
		}
	}
	return Volume{}, false
}

func (r *Restoring) lentName(p *pending) string {
	return strings.TrimRight(fmt.Sprintf("%.45s", p.name), "-.") + "-" + r.id
}

// borrow makes the storage's snapshot known where the claim comes back.
func (r *Restoring) borrow(ctx context.Context, p *pending) (size string, err error) {
	if err := r.copying.lent(ctx, p.namespace, r.lentName(p), p.of); err != nil {
		return "", err
	}
	if size, err = r.ready(ctx, &taken{claim: &claim{namespace: p.namespace}, snapshot: r.lentName(p)}); size == "" {
		size = p.of.Snapshot.Size
	}
	return size, err
}

// grow makes a claim as large as its snapshot needs.
func grow(o *unstructured.Unstructured, size string) {
	asked, _, _ := unstructured.NestedString(o.Object, "spec", "resources", "requests", "storage")
	if want := larger(asked, size); want != asked && want != "" {
		_ = unstructured.SetNestedField(o.Object, want, "spec", "resources", "requests", "storage") // they are objects
	}
}

// Fill brings the data back into the claims that Make prepared, several at a time. What cannot be brought back is a problem and not the end.
func (r *Restoring) Fill(ctx context.Context) (problems []string, err error) {
	var group errgroup.Group
	group.SetLimit(max(1, r.opt.Parallel))
	for _, p := range r.pending {
		group.Go(func() error {
			err := r.fill(ctx, p)
			if err != nil {
				r.mu.Lock()
				defer r.mu.Unlock()
				problems = append(problems, fmt.Sprintf("volume of claim %s/%s: %v", p.namespace, p.name, err))
			}
			return nil
		})
	}
	return problems, errors.Join(group.Wait(), ctx.Err())
}

func (r *Restoring) fill(ctx context.Context, p *pending) error {
	now, err := r.get(ctx, claimsKind, p.namespace, p.name)
	if gone(err) {
		return errors.New("the cluster did not make it")
	}
	if err != nil {
		return kube.Explain(err)
	}
	if now.GetAnnotations()[filling] == "" {
		return nil // it was there
	}
	r.opt.Say(fmt.Sprintf("volume %s/%s: %d files, %d MB", p.namespace, p.name, p.of.Files, p.of.Bytes>>20))
	by := &carrier{copying: r.copying, namespace: p.namespace, claim: p.name, write: !p.snapshot}
	job := mover.Job{Do: mover.Look}
	if !p.snapshot {
		if job.Node, err = nodeAt(ctx, r.repo, r.snap.Tree, Folder, p.of.Namespace, p.of.Claim); err != nil {
			return err
		}
		job.Do, job.Verify = mover.Restore, r.verify
		if job.Repository, err = r.repo.Share(); err != nil {
			return err
		}
	}
	out, err := by.carry(ctx, job, func(m mover.Progress) {
		r.opt.Say(fmt.Sprintf("volume %s/%s: %d of %d files, %d of %d MB", p.namespace, p.name, m.Files, p.of.Files, m.Bytes>>20, p.of.Bytes>>20))
	})
	switch {
	case err != nil:
		return err
	case len(out.Problems) > 0:
		return fmt.Errorf("%d files are not back: %s", len(out.Problems), out.Problems[0])
	case out.Files != p.of.Files:
		return fmt.Errorf("%d files are back, want %d", out.Files, p.of.Files)
	}
	r.mu.Lock()
	r.Files, r.Bytes = r.Files+out.Files, r.Bytes+out.Bytes
	r.mu.Unlock()
	err = r.patch(ctx, claimsKind, p.namespace, p.name, map[string]any{"metadata": map[string]any{"annotations": map[string]any{filling: nil}}})
	if err != nil {
		return fmt.Errorf("its data is back, but its mark cannot be taken away: %w", kube.Explain(err))
	}
	return nil
}

// Done takes away what the restore needed in the cluster.
func (r *Restoring) Done(ctx context.Context) error {
	spaces := map[string]bool{}
	var names []string
	for _, p := range r.pending {
		if !spaces[p.namespace] {
			spaces[p.namespace] = true
			names = append(names, p.namespace)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return r.sweep(context.WithoutCancel(ctx), names, func(string) bool { return true })
}
