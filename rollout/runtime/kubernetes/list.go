package kubernetes

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime"
)

// list tells the wanted instances of all releases of a service, after one look.
func (s *space) list(ctx context.Context, service string) ([]runtime.Instance, error) {
	found, err := s.of(deployments).List(ctx, metav1.ListOptions{LabelSelector: selectorOf(service, "")})
	if err != nil {
		return nil, fmt.Errorf("list deployments in %s: %w", s.name, kube.Explain(err))
	}
	all, err := s.readPods(ctx, selectorOf(service, ""))
	if err != nil {
		return nil, fmt.Errorf("list pods in %s: %w", s.name, kube.Explain(err))
	}
	var out []runtime.Instance
	for i := range found.Items {
		d := &found.Items[i]
		if d.GetAnnotations()[annService] == service {
			out = append(out, s.instances(d, ofRelease(all, d))...)
		}
	}
	return out, nil
}

func ofRelease(all []*corev1.Pod, d *unstructured.Unstructured) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range all {
		if p.Labels[LabelRelease] == d.GetLabels()[LabelRelease] {
			out = append(out, p)
		}
	}
	return out
}

// instances are the wanted instances of one release. One that has no pod now is lost: the cluster makes another one.
func (s *space) instances(d *unstructured.Unstructured, all []*corev1.Pod) []runtime.Instance {
	wanted := numbers(d.GetAnnotations()[annInstances])
	at := assign(wanted, all)
	var out []runtime.Instance
	for _, n := range wanted {
		i := identity(d, n, s.name)
		if p := at[n]; p != nil {
			out = append(out, instance(i, p, s.container, restartsOf(d), d.GetAnnotations()[annPort]))
			continue
		}
		i.State, i.Exit = runtime.Lost, "its pod is gone and another one is made"
		if why := refusedPods(d); why != "" {
			i.Exit = "its pod is gone, and no other one is made: " + why
		}
		out = append(out, i)
	}
	return out
}
