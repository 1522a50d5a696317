package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
	"goodstate.dev/goodstate/core/kube"
)

// Conflict says what happens to an object that is in the cluster already and is different.
type Conflict string

// What may be chosen. The zero value is Skip.
const (
	Skip   Conflict = "skip"   // it stays, and is reported
	Update Conflict = "update" // it becomes as it was copied
	Fail   Conflict = "fail"   // nothing at all is restored
)

// Options say what comes back, and as what.
type Options struct {
	Filter
	Mapping
	Conflict Conflict
	Dry      bool                                                   // nothing is changed; the API server is asked what it would do
	Adapt    func(kind string, o *unstructured.Unstructured) string // changes an object before it is made, or says why it is left out
	Volumes  *volume.Restoring                                      // brings the data of claims back; nil leaves them empty
	Say      func(text string)
}

// restorer is one restore. What it knows of uids links the new objects to each other.
type restorer struct {
	cluster *kube.Cluster
	repo    *repository.Repository
	opt     Options
	kinds   []Kind
	copied  map[string]Kind // what the restore point's kinds are called
	have    map[string]bool // objects of the restore point
	mu      sync.Mutex
	uids    map[types.UID]types.UID // old to new
	orphans []orphan
	done    Restored
}

// orphan is an object whose owner was not there yet.
type orphan struct {
	entry  Entry
	kind   Kind
	ns     string
	name   string
	owners []metav1.OwnerReference
}

// Restore makes the objects of a restore point, in an order in which each finds what it needs. It may be called again after it was interrupted: what is there and equal stays.
func Restore(ctx context.Context, c *kube.Cluster, repo *repository.Repository, snap repository.Snapshot, opt Options) (Restored, error) {
	about, all, err := Read(ctx, repo, snap)
	if err != nil {
		return Restored{}, err
	}
	r := &restorer{cluster: c, repo: repo, opt: opt, copied: map[string]Kind{}, have: map[string]bool{}, uids: map[types.UID]types.UID{}}
	r.done.Finalizers = map[string]int{}
	for _, k := range about.Kinds {
		r.copied[k.Name()] = k
	}
	for _, e := range all {
		r.have[e.String()] = true
	}
	all = slices.DeleteFunc(all, func(e Entry) bool { return !r.wanted(e) })
	if len(all) == 0 {
		return Restored{}, fmt.Errorf("restore point %s has nothing of what is asked for", snap.ID.Short())
	}
	if r.kinds, _, err = Kinds(c); err != nil {
		return Restored{}, err
	}
	if opt.Conflict == Fail && !opt.Dry {
		if err := r.clear(ctx, snap); err != nil {
			return Restored{}, err
		}
	}
	err = r.parts(ctx, inOrder(all))
	return r.done, err
}

// clear looks first whether anything is in the way.
func (r *restorer) clear(ctx context.Context, snap repository.Snapshot) error {
	opt := r.opt
	opt.Dry, opt.Conflict = true, Skip
	would, err := Restore(ctx, r.cluster, r.repo, snap, opt)
	if err != nil {
		return err
	}
	if n := would.Count(Kept); n > 0 {
		at := slices.IndexFunc(would.Changes, func(c Change) bool { return c.What == Kept })
		return fmt.Errorf("%d objects are there and different, the first is %s; nothing was restored: choose to skip or to update them", n, would.Changes[at].Object)
	}
	return nil
}

// wanted says whether an entry is asked for. Of a chosen namespace's kinds the cluster-wide ones in the restore point come too.
func (r *restorer) wanted(e Entry) bool {
	k, ok := r.copied[e.Kind]
	if !ok || !r.opt.Kind(k) {
		return false
	}
	switch {
	case e.Kind == namespaces:
		return r.opt.Filter.Namespace(e.Name)
	case e.Namespace != "":
		return r.opt.Filter.Namespace(e.Namespace)
	}
	return true
}

// parallel is how many objects are made at the same time.
const parallel = 8

func (r *restorer) parts(ctx context.Context, parts [][]Entry) error {
	for _, part := range parts {
		group, limited := errgroup.WithContext(ctx)
		group.SetLimit(parallel)
		for _, e := range part {
			group.Go(func() error { return r.one(limited, e) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		r.opt.Say(fmt.Sprintf("%d objects; %s done", len(r.done.Changes), part[len(part)-1].Kind))
		if part[0].Kind == claims && r.opt.Volumes != nil && !r.opt.Dry {
			problems, err := r.opt.Volumes.Fill(ctx)
			for _, p := range problems {
				r.note(Change{Object: p, What: Refused, Why: "its data is not back"})
			}
			if err != nil {
				return err
			}
		}
		if part[0].Kind == definitions && !r.opt.Dry {
			if err := r.learn(ctx, part); err != nil {
				return err
			}
		}
	}
	return r.adopt(ctx)
}

// one brings one object back. An object that the cluster refuses is a problem of its own and not the end.
func (r *restorer) one(ctx context.Context, e Entry) error {
	o, err := e.Manifest(ctx, r.repo)
	if err != nil {
		return err
	}
	if r.opt.Labels != nil && e.Namespace != "" && !r.opt.Labels.Matches(labelSet(o)) {
		return nil
	}
	if why := leaveOut(e.Kind, o, func(kind, ns, name string) bool { return r.have[Entry{Kind: kind, Namespace: ns, Name: name}.String()] }); why != "" {
		r.note(Change{Object: e.String(), What: LeftOut, Why: why})
		return nil
	}
	if strings.HasSuffix(e.Kind, ".backup.goodstate.dev") && r.opt.namespace(e.Namespace) != e.Namespace {
		r.note(Change{Object: e.String(), What: LeftOut, Why: "a plan for backups stays with its namespace"}) // else the copy would be backed up too, and hold its repository
		return nil
	}
	old, owners := o.GetUID(), o.GetOwnerReferences()
	Clean(e.Kind, o)
	r.opt.Mapping.Apply(e.Kind, o)
	if r.opt.Adapt != nil {
		if why := r.opt.Adapt(e.Kind, o); why != "" {
			r.note(Change{Object: e.String(), What: LeftOut, Why: why})
			return nil
		}
	}
	k, ok := find(r.kinds, o.GroupVersionKind().GroupKind())
	if !ok {
		why := "the cluster has no kind " + e.Kind
		if r.opt.Dry && r.have[Entry{Kind: definitions, Name: e.Kind}.String()] {
			r.note(Change{Object: e.String(), What: Created, Why: "after its kind"})
			return nil
		}
		r.note(Change{Object: e.String(), What: Refused, Why: why})
		return nil
	}
	o.SetAPIVersion(k.GroupVersion().String())
	note, err := r.data(ctx, e, o)
	if err != nil {
		return err
	}
	missing := r.link(o, owners)
	got, change, err := r.put(ctx, k, e, o)
	if change.Why == "" {
		change.Why = note
	}
	if err != nil {
		return err
	}
	if change.What == Created || change.What == Updated {
		r.mu.Lock()
		r.done.Bytes += e.size
		r.mu.Unlock()
	}
	r.note(change)
	if got != nil {
		r.remember(k, e, got, old, missing)
	}
	return nil
}

// claims are the objects that stand for volumes.
const claims = "persistentvolumeclaims"

// data prepares a claim for what its volume had.
func (r *restorer) data(ctx context.Context, e Entry, o *unstructured.Unstructured) (string, error) {
	if e.Kind != claims || r.opt.Volumes == nil {
		return "", nil
	}
	note, err := r.opt.Volumes.Make(ctx, e.Namespace, e.Name, o, r.opt.Dry)
	if err == nil {
		return note, nil
	}
	if kube.Passing(err) || ctx.Err() != nil {
		return "", err
	}
	r.note(Change{Object: fmt.Sprintf("volume of claim %s/%s", o.GetNamespace(), o.GetName()), What: Refused, Why: err.Error()})
	return "", nil
}

func (r *restorer) note(c Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Changes = append(r.done.Changes, c)
}

// link gives an object the owners that are back already, and returns the others.
func (r *restorer) link(o *unstructured.Unstructured, owners []metav1.OwnerReference) (missing []metav1.OwnerReference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var there []metav1.OwnerReference
	for _, owner := range owners {
		if uid, ok := r.uids[owner.UID]; ok {
			owner.UID = uid
			there = append(there, owner)
		} else {
			missing = append(missing, owner)
		}
	}
	o.SetOwnerReferences(there)
	return missing
}

func (r *restorer) remember(k Kind, e Entry, got *unstructured.Unstructured, old types.UID, missing []metav1.OwnerReference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uids[old] = got.GetUID()
	for _, f := range got.GetFinalizers() {
		if !slices.Contains(ownFinalizers, f) {
			r.done.Finalizers[f]++
		}
	}
	if len(missing) > 0 {
		r.orphans = append(r.orphans, orphan{e, k, got.GetNamespace(), got.GetName(), missing})
	}
}

// adopt links objects to owners that came after them. An owner that is not in the restore point is said: the object stays, and nothing deletes it with its owner any more.
func (r *restorer) adopt(ctx context.Context) error {
	for _, o := range r.orphans {
		var gone []string
		refs := make([]map[string]any, 0, len(o.owners))
		for _, owner := range o.owners {
			uid, ok := r.uids[owner.UID]
			if !ok {
				gone = append(gone, owner.Kind+" "+owner.Name)
				continue
			}
			refs = append(refs, reference(owner, uid))
		}
		if len(refs) > 0 && !r.opt.Dry {
			if err := r.own(ctx, o, refs); err != nil {
				r.note(Change{Object: o.entry.String(), What: Refused, Why: fmt.Sprintf("its owner could not be set: %v", kube.Explain(err))})
			}
		}
		if len(gone) > 0 {
			r.note(Change{Object: o.entry.String(), What: Created, Why: fmt.Sprintf("without its owner: the restore point has no %v", gone)})
		}
	}
	return ctx.Err()
}
