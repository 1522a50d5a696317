package volume

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/kube"
)

// lentLabel is on snapshots that are made known for a restore: the storage's own snapshot stays when they go.
const lentLabel = "goodstate.dev/lent"

// Notes of the snapshot controllers on contents whose snapshot is going; without them a content whose snapshot went earlier is not taken out of the storage.
const (
	goingSingle = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"
	goingGroup  = "groupsnapshot.storage.kubernetes.io/volumegroupsnapshot-being-deleted"
)

func exists(err error) bool { return apierrors.IsAlreadyExists(err) }

// Release takes away the storage's snapshots that belong to no restore point of the application any more.
func Release(ctx context.Context, k *kube.Cluster, repo *repository.Repository, namespaces []string, kept []repository.Snapshot, opt Options) error {
	c := begin(k, repo, opt)
	copies := map[string]bool{}
	for _, snap := range kept {
		r, err := recordOf(ctx, repo, snap)
		if err != nil {
			return err // which snapshots are needed is not known: none goes
		}
		copies[r.Copy] = true
	}
	return c.sweep(ctx, namespaces, func(id string) bool { return copies[id] })
}

// sweep removes what is marked as this application's: movers and their claims always, snapshots unless their copy is kept.
func (c *copying) sweep(ctx context.Context, namespaces []string, kept func(id string) bool) error {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	selector := fmt.Sprintf("%s=%s,%s=%s", OwnerLabel, owner(c.repo), applicationLabel, label(c.opt.Application))
	var errs []error
	note := func(what string, err error) {
		if err != nil && !gone(err) {
			errs = append(errs, fmt.Errorf("remove %s: %w", what, kube.Explain(err)))
		}
	}
	version, err := c.groupVersion(ctx)
	note("group snapshots", err)
	for _, ns := range namespaces {
		note("movers", c.each(ctx, podsKind, ns, selector, func(o *unstructured.Unstructured) error { return c.delete(ctx, podsKind, o) }))
		note("claims of movers", c.each(ctx, claimsKind, ns, selector, func(o *unstructured.Unstructured) error { return c.delete(ctx, claimsKind, o) }))
		note("labels of groups", c.each(ctx, claimsKind, ns, groupLabel, func(o *unstructured.Unstructured) error {
			return c.mark(ctx, &claim{namespace: o.GetNamespace(), name: o.GetName()}, nil)
		}))
		if version != "" {
			kind := groupKind(version, "volumegroupsnapshots")
			note("group snapshots", c.each(ctx, kind, ns, selector, func(o *unstructured.Unstructured) error {
				if kept(o.GetLabels()[copyLabel]) {
					return nil
				}
				return c.deleteGroup(ctx, kind, o)
			}))
		}
		note("snapshots", c.each(ctx, snapshotsKind, ns, selector, func(o *unstructured.Unstructured) error {
			if o.GetLabels()[lentLabel] == "" {
				if kept(o.GetLabels()[copyLabel]) {
					return nil
				}
				if err := c.doom(ctx, contentsKind, text(o, "status", "boundVolumeSnapshotContentName"), ""); err != nil {
					return err
				}
			}
			return c.delete(ctx, snapshotsKind, o)
		}))
	}
	note("contents of snapshots", c.sweepContents(ctx, version, selector, kept))
	return errors.Join(errs...)
}

// sweepContents removes what stayed of snapshots whose namespace is gone.
func (c *copying) sweepContents(ctx context.Context, version, selector string, kept func(id string) bool) error {
	dangling := func(kind schema.GroupVersionResource, going string) error {
		err := c.each(ctx, kind, "", selector, func(o *unstructured.Unstructured) error {
			lent := o.GetLabels()[lentLabel] != ""
			if !lent && kept(o.GetLabels()[copyLabel]) {
				return nil
			}
			if !lent {
				if err := c.doom(ctx, kind, o.GetName(), going); err != nil {
					return err
				}
			}
			return c.delete(ctx, kind, o)
		})
		if apierrors.IsForbidden(err) {
			return nil // an account without the right to keep snapshots has none
		}
		return err
	}
	if version != "" {
		if err := dangling(groupKind(version, "volumegroupsnapshotcontents"), goingGroup); err != nil {
			return err
		}
	}
	return dangling(contentsKind, goingSingle)
}

// deleteGroup removes a group snapshot with all of its members.
func (c *copying) deleteGroup(ctx context.Context, kind schema.GroupVersionResource, o *unstructured.Unstructured) error {
	contents := kind.GroupVersion().WithResource("volumegroupsnapshotcontents")
	if err := c.doom(ctx, contents, text(o, "status", "boundVolumeGroupSnapshotContentName"), ""); err != nil {
		return err
	}
	if err := c.each(ctx, snapshotsKind, o.GetNamespace(), "", func(member *unstructured.Unstructured) error {
		if !owned(member, o.GetName()) {
			return nil
		}
		return c.doom(ctx, contentsKind, text(member, "status", "boundVolumeSnapshotContentName"), "")
	}); err != nil {
		return err
	}
	return c.delete(ctx, kind, o)
}

// doom says that the storage's snapshot goes with its content.
func (c *copying) doom(ctx context.Context, kind schema.GroupVersionResource, content, going string) error {
	if content == "" {
		return nil
	}
	change := map[string]any{"spec": map[string]any{"deletionPolicy": "Delete"}}
	if going != "" {
		change["metadata"] = map[string]any{"annotations": map[string]any{going: "yes"}}
	}
	err := c.patch(ctx, kind, "", content, change)
	if apierrors.IsForbidden(err) {
		return nil // it goes as its class says
	}
	return ignore(err, apierrors.IsNotFound)
}

// each calls do for all objects that a selector takes. A kind that the cluster does not have has none.
func (c *copying) each(ctx context.Context, kind schema.GroupVersionResource, namespace, selector string, do func(*unstructured.Unstructured) error) error {
	all, err := c.list(ctx, kind, namespace, selector)
	if gone(err) {
		return nil
	}
	errs := []error{err}
	for i := range all {
		errs = append(errs, do(&all[i]))
	}
	return errors.Join(errs...)
}

func (c *copying) delete(ctx context.Context, kind schema.GroupVersionResource, o *unstructured.Unstructured) error {
	if o.GetDeletionTimestamp() != nil {
		return nil
	}
	return patiently(ctx, func() error {
		return ignore(c.in(kind, o.GetNamespace()).Delete(ctx, o.GetName(), metav1.DeleteOptions{}), apierrors.IsNotFound)
	})
}
