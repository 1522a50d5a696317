package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"goodstate.dev/goodstate/core/kube"
)

// groupLabel is on claims while a group snapshot of them is taken: members are chosen by labels only.
const groupLabel = "goodstate.dev/group"

// Unmark takes from an object what this package writes on it for the time of its work.
func Unmark(o *unstructured.Unstructured) {
	if labels := o.GetLabels(); labels[groupLabel] != "" {
		delete(labels, groupLabel)
		o.SetLabels(labels)
	}
	if marks := o.GetAnnotations(); marks[filling] != "" {
		delete(marks, filling)
		o.SetAnnotations(marks)
	}
}

// mark sets the label of a group on a claim, or takes it away.
func (c *copying) mark(ctx context.Context, cl *claim, value any) error {
	return c.patch(ctx, claimsKind, cl.namespace, cl.name, map[string]any{"metadata": map[string]any{"labels": map[string]any{groupLabel: value}}})
}

// unmark takes the label from all claims that got it.
func (c *copying) unmark(ctx context.Context, all []*taken) error {
	var errs []error
	for _, t := range all {
		if t.way != byGroup {
			continue
		}
		if err := c.mark(ctx, t.claim, nil); err != nil && !gone(err) {
			errs = append(errs, fmt.Errorf("take the label %s from claim %s: %w", groupLabel, t.claim, kube.Explain(err)))
		}
	}
	return errors.Join(errs...)
}

func (c *copying) patch(ctx context.Context, kind schema.GroupVersionResource, namespace, name string, change map[string]any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	return patiently(ctx, func() error {
		_, err := c.in(kind, namespace).Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: "goodstate"})
		return err
	})
}
