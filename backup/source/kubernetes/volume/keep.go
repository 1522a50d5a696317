package volume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
)

// keep makes a snapshot belong to the restore point: it stays in the storage when its namespace is deleted, which a snapshot usually does not. Without snapshots that are
// kept it returns nil.
func (c *copying) keep(ctx context.Context, t *taken) (*Snapshot, error) {
	if !c.opt.Data.keeps() {
		return nil, nil
	}
	size, err := c.ready(ctx, t)
	if err != nil {
		return nil, err
	}
	o, err := c.get(ctx, snapshotsKind, t.namespace, t.snapshot)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Content: text(o, "status", "boundVolumeSnapshotContentName"), Class: t.snapshots, Size: size}
	content, err := c.get(ctx, contentsKind, "", s.Content)
	if err != nil {
		return nil, err
	}
	if s.Handle = text(content, "status", "snapshotHandle"); s.Handle == "" {
		return nil, fmt.Errorf("the storage gives no name to snapshot %s, so that it could not be found again", t.snapshot)
	}
	if at, err := time.Parse(time.RFC3339, text(o, "status", "creationTime")); err == nil {
		s.At = at
	}
	if err := c.policy(ctx, "Retain", s.Content, ""); err != nil {
		return nil, err
	}
	for _, r := range o.GetOwnerReferences() {
		if r.Kind != "VolumeGroupSnapshot" {
			continue
		}
		version, err := c.groupVersion(ctx)
		if err != nil {
			return nil, err
		}
		group, err := c.get(ctx, groupKind(version, "volumegroupsnapshots"), t.namespace, r.Name)
		if err != nil {
			return nil, err
		}
		s.Group = text(group, "status", "boundVolumeGroupSnapshotContentName")
		if err := c.policy(ctx, "Retain", "", s.Group); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// policy says what becomes of the storage's snapshot when its object goes, and marks whose it is.
func (c *copying) policy(ctx context.Context, policy, content, group string) error {
	change := map[string]any{"metadata": map[string]any{"labels": c.marks()}, "spec": map[string]any{"deletionPolicy": policy}}
	var err error
	if content != "" {
		err = c.patch(ctx, contentsKind, "", content, change)
	}
	if group != "" {
		version, failed := c.groupVersion(ctx)
		if failed == nil {
			failed = c.patch(ctx, groupKind(version, "volumegroupsnapshotcontents"), "", group, change)
		}
		err = errors.Join(err, failed)
	}
	if err != nil {
		return fmt.Errorf("keep the storage's snapshot: %w", kube.Explain(err))
	}
	return nil
}

// larger is the larger of two sizes as Kubernetes writes them.
func larger(a, b string) string {
	x, errA := resource.ParseQuantity(a)
	y, errB := resource.ParseQuantity(b)
	switch {
	case errA != nil:
		return b
	case errB != nil || x.Cmp(y) >= 0:
		return a
	}
	return b
}

// lent makes a snapshot that the storage has known in a namespace, for as long as a volume is made of it. The storage's snapshot outlives it.
func (c *copying) lent(ctx context.Context, namespace, name string, v Volume) error {
	marks := c.marks()
	marks[lentLabel] = "true"
	content := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent", "metadata": map[string]any{"name": c.contentName(namespace, name), "labels": marks},
		"spec": map[string]any{
			"deletionPolicy": "Retain", "driver": v.Driver, "source": map[string]any{"snapshotHandle": v.Snapshot.Handle}, "volumeSnapshotClassName": v.Snapshot.Class,
			"volumeSnapshotRef": map[string]any{"name": name, "namespace": namespace},
		},
	}}
	snapshot := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": map[string]any{"name": name, "namespace": namespace, "labels": marks},
		"spec": map[string]any{"volumeSnapshotClassName": v.Snapshot.Class, "source": map[string]any{"volumeSnapshotContentName": content.GetName()}},
	}}
	opt := metav1.CreateOptions{FieldManager: "goodstate"}
	err := patiently(ctx, func() error {
		_, err := c.in(contentsKind, "").Create(ctx, content, opt)
		return ignore(err, exists)
	})
	if err == nil {
		err = patiently(ctx, func() error {
			_, err := c.in(snapshotsKind, namespace).Create(ctx, snapshot, opt)
			return ignore(err, exists)
		})
	}
	if err != nil {
		return fmt.Errorf("make the storage's snapshot known: %w", kube.Explain(err))
	}
	return nil
}

func (c *copying) contentName(namespace, name string) string {
	return fmt.Sprintf("goodstate-%.40s-%.120s", namespace, name)
}
