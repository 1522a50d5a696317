package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
)

// taken is a claim with what was made for its copy.
type taken struct {
	*claim
	snapshot string // name of its VolumeSnapshot; empty where it is copied file by file
	way      string
	held     bool
	problem  error // why it is not copied
}

// cut holds the applications, has the storage take the snapshots, and lets the applications go. Problems are of single volumes, or of the consistency of all.
func (c *copying) cut(ctx context.Context, claims []*claim) (all []*taken, problems []string, err error) {
	holds, err := c.holds(ctx, namespacesOf(claims))
	if err != nil {
		return nil, nil, err
	}
	for _, cl := range claims {
		all = append(all, &taken{claim: cl, way: byFiles, held: len(holds) > 0})
	}
	sets := together(all, c.opt.Alone)
	if len(sets) == 0 {
		holds = nil // nothing has a moment for which it could be held
	}
	within := c.opt.Cut
	for _, h := range holds {
		within = min(within, h.Within)
	}
	c.opt.Say(fmt.Sprintf("%d volumes, %d containers to hold", len(all), len(holds)))
	sessions, err := c.quiesce(ctx, holds)
	if err != nil {
		return nil, nil, err
	}
	var group errgroup.Group
	for _, set := range sets {
		group.Go(func() error {
			if err := c.take(ctx, set, within); err != nil {
				for _, t := range set {
					t.problem = err
				}
			}
			return nil
		})
	}
	_ = group.Wait() // problems are with the volumes
	problems = c.release(ctx, sessions)
	if err := c.unmark(context.WithoutCancel(ctx), all); err != nil {
		problems = append(problems, err.Error())
	}
	return all, problems, ctx.Err()
}

// together sorts volumes with snapshots into sets that are taken at the same moment: those of one driver and namespace, where it can make groups, or else each alone.
func together(all []*taken, alone bool) (sets [][]*taken) {
	groups := map[string][]*taken{}
	var order []string
	for _, t := range all {
		switch {
		case t.snapshots == "":
		case t.groups == "" || alone:
			t.way = bySnapshot
			sets = append(sets, []*taken{t})
		default:
			key := t.namespace + "\x00" + t.driver
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], t)
		}
	}
	for _, key := range order {
		set := groups[key]
		for _, t := range set {
			t.way = byGroup
			if len(set) == 1 {
				t.way = bySnapshot
			}
		}
		sets = append(sets, set)
	}
	return sets
}

// take has the storage take the snapshots of a set, and returns when all of them have their moment.
func (c *copying) take(ctx context.Context, set []*taken, within time.Duration) error {
	if set[0].way == byGroup {
		return c.takeGroup(ctx, set, within)
	}
	t := set[0]
	t.snapshot = c.name(t.claim)
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
		"metadata": map[string]any{"name": t.snapshot, "namespace": t.namespace, "labels": c.marks()},
		"spec":     map[string]any{"volumeSnapshotClassName": t.snapshots, "source": map[string]any{"persistentVolumeClaimName": t.name}},
	}}
	to := c.in(snapshotsKind, t.namespace)
	err := patiently(ctx, func() error {
		_, err := to.Create(ctx, o, metav1.CreateOptions{FieldManager: "goodstate"})
		return ignore(err, apierrors.IsAlreadyExists)
	})
	if err != nil {
		return fmt.Errorf("make a snapshot: %w", kube.Explain(err))
	}
	err = await(ctx, within, func() (bool, string, error) {
		now, err := to.Get(ctx, t.snapshot, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return text(now, "status", "creationTime") != "", statusError(now, "the storage has not taken it"), nil
	})
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", t.snapshot, err)
	}
	return nil
}

// name is what is made for a claim in its namespace.
func (c *copying) name(cl *claim) string {
	return strings.TrimRight(fmt.Sprintf("%.45s", cl.name), "-.") + "-" + c.id
}

// statusError is what a controller says is wrong with an object, or what is so where it says nothing.
func statusError(o *unstructured.Unstructured, otherwise string) string {
	if message := text(o, "status", "error", "message"); message != "" {
		return message
	}
	return otherwise
}

func ignore(err error, is func(error) bool) error {
	if is(err) {
		return nil
	}
	return err
}

// takeGroup has the storage take one snapshot of several volumes. Members are chosen by a label, which the claims get for it.
func (c *copying) takeGroup(ctx context.Context, set []*taken, within time.Duration) error {
	version, err := c.groupVersion(ctx)
	if err != nil {
		return err
	}
	for _, t := range set {
		if err := c.mark(ctx, t.claim, c.id); err != nil {
			return fmt.Errorf("mark claim %s for a group snapshot: %w", t.claim, kube.Explain(err))
		}
	}
	ns, name := set[0].namespace, groupPrefix+c.id
	kind := groupKind(version, "volumegroupsnapshots")
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kind.GroupVersion().String(), "kind": "VolumeGroupSnapshot",
		"metadata": map[string]any{"name": name, "namespace": ns, "labels": c.marks()},
		"spec": map[string]any{"volumeGroupSnapshotClassName": set[0].groups, "source": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{groupLabel: c.id}},
		}},
	}}
	to := c.in(kind, ns)
	if err := patiently(ctx, func() error {
		_, err := to.Create(ctx, o, metav1.CreateOptions{FieldManager: "goodstate"})
		return ignore(err, apierrors.IsAlreadyExists)
	}); err != nil {
		return fmt.Errorf("make a group snapshot: %w", kube.Explain(err))
	}
	if err := await(ctx, within, func() (bool, string, error) {
		now, err := to.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return text(now, "status", "creationTime") != "", statusError(now, "the storage has not taken it"), nil
	}); err != nil {
		return fmt.Errorf("group snapshot %s/%s: %w", ns, name, err)
	}
	return c.members(ctx, set, name)
}

// members finds the snapshot of each volume of a group.
func (c *copying) members(ctx context.Context, set []*taken, group string) error {
	return await(ctx, c.opt.Ready, func() (bool, string, error) {
		all, err := c.in(snapshotsKind, set[0].namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		missing := ""
		for _, t := range set {
			at := slices.IndexFunc(all.Items, func(o unstructured.Unstructured) bool {
				return owned(&o, group) && text(&o, "spec", "source", "persistentVolumeClaimName") == t.name
			})
			if at < 0 {
				missing = "group snapshot " + group + " has no snapshot of claim " + t.name
				continue
			}
			t.snapshot = all.Items[at].GetName()
		}
		return missing == "", missing, nil
	})
}

func owned(o *unstructured.Unstructured, group string) bool {
	return slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.Kind == "VolumeGroupSnapshot" && r.Name == group })
}

// ready waits until the storage has all of a snapshot, and says how large a volume of it must be.
func (c *copying) ready(ctx context.Context, t *taken) (size string, err error) {
	err = await(ctx, c.opt.Ready, func() (bool, string, error) {
		now, err := c.in(snapshotsKind, t.namespace).Get(ctx, t.snapshot, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		size = text(now, "status", "restoreSize")
		done, _, _ := unstructured.NestedBool(now.Object, "status", "readyToUse")
		return done, statusError(now, "the storage does not say that it is ready"), nil
	})
	var late *lateError
	if errors.As(err, &late) {
		return "", fmt.Errorf("snapshot %s is not ready: %w", t.snapshot, err)
	}
	return size, err
}
