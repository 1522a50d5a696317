package gatewayapi

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/traffic/cluster"
)

// copy makes the Service of a release.
func (r *router) copy(ctx context.Context, s *cluster.Space, name, service, release string) error {
	base, err := s.Of(services).Get(ctx, r.conf.Service, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("service %s, which the releases' Services are copies of: %w", r.conf.Service, kube.Explain(err))
	}
	selector := map[string]any{kubernetes.LabelService: kubernetes.Label(service), kubernetes.LabelRelease: kubernetes.Short(release)}
	var ports []any
	all, _, _ := unstructured.NestedSlice(base.Object, "spec", "ports") // none is refused by the cluster
	for _, p := range all {
		if port, ok := p.(map[string]any); ok {
			delete(port, "nodePort")
			ports = append(ports, port)
		}
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": name, "labels": map[string]any{
			"app.kubernetes.io/managed-by": "goodstate", kubernetes.LabelService: kubernetes.Label(service), copyOf: r.conf.Service,
		}},
		"spec": map[string]any{"selector": selector, "ports": ports},
	}}
	_, err = s.Of(services).Create(ctx, o, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		have, err := s.Of(services).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("service %s: %w", name, kube.Explain(err))
		}
		if have.GetLabels()[copyOf] != r.conf.Service {
			return fmt.Errorf("service %s is not goodstate's, and its name is needed for a release: remove it", name)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("service %s of a release: %w", name, kube.Explain(err))
	}
	return nil
}

// sweep removes Services of releases that the route does not name any more.
func (r *router) sweep(ctx context.Context, s *cluster.Space, refs []ref) error {
	list, err := s.Of(services).List(ctx, metav1.ListOptions{LabelSelector: copyOf + "=" + r.conf.Service})
	if err != nil {
		return fmt.Errorf("services of releases: %w", kube.Explain(err))
	}
	var errs []error
	for i := range list.Items {
		name := list.Items[i].GetName()
		if slices.ContainsFunc(refs, func(w ref) bool { return w.name == name }) {
			continue
		}
		if err := s.Of(services).Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("service %s of a release: %w", name, kube.Explain(err)))
		}
	}
	return errors.Join(errs...)
}
