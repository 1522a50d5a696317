package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime"
)

// Collect removes the Deployments of releases that have no instances: all but the newest ones and those named. Their ConfigMaps and Secrets go with them, unless
// another release has them too.
func (r *Runtime) Collect(ctx context.Context, p runtime.Place, service string, keep []string, newest int) error {
	s, err := r.space(ctx, p)
	if err != nil {
		return err
	}
	list, err := s.of(deployments).List(ctx, metav1.ListOptions{LabelSelector: selectorOf(service, "")})
	if err != nil {
		return fmt.Errorf("list deployments in %s: %w", s.name, kube.Explain(err))
	}
	var idle []*unstructured.Unstructured
	for i := range list.Items {
		d := &list.Items[i]
		a := d.GetAnnotations()
		if a[annService] == service && a[annInstances] == "" && !slices.Contains(keep, a[annRelease]) {
			idle = append(idle, d)
		}
	}
	slices.SortFunc(idle, func(a, b *unstructured.Unstructured) int {
		return b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time)
	})
	var errs []error
	for _, d := range idle[min(len(idle), max(newest, 1)):] {
		uid, version, how := d.GetUID(), d.GetResourceVersion(), metav1.DeletePropagationBackground
		err := s.of(deployments).Delete(ctx, d.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}, PropagationPolicy: &how})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) { // somebody needs it again
			errs = append(errs, fmt.Errorf("remove Deployment %s in %s: %w", d.GetName(), s.name, kube.Explain(err)))
		}
	}
	return errors.Join(errs...)
}
