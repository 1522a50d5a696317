package kubernetes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/core/kube"
)

var (
	namespacesKind   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	roleBindingsKind = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	policiesKind     = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
)

// drillLabel is on scratch namespaces and names the application, so that what a killed drill left is found by the next one; ownerLabel says of which goodstate it is.
const (
	drillLabel = "goodstate.dev/drill"
	ownerLabel = "goodstate.dev/drill-of"
)

// Account is a service account that may do in scratch namespaces what a role says.
type Account struct {
	Namespace, Name string
	Role            string // a ClusterRole
}

// Scratch makes an empty namespace for each that the filter takes, where pods may talk to each other and ask for names, and to nobody else. Done deletes them. What an
// earlier drill of the application left is deleted first; owner tells this goodstate from others, whose drills are left alone. They keep what the originals say of the
// security of their pods. Account may be nil.
func Scratch(ctx context.Context, c *kube.Cluster, f Filter, application, owner string, account *Account) (names map[string]string, done func(context.Context) error, err error) {
	all := c.Objects.Resource(namespacesKind)
	if err := sweep(ctx, c, application, owner); err != nil {
		return nil, nil, err
	}
	olds, err := scratchFor(ctx, c, f)
	if err != nil {
		return nil, nil, err
	}
	names = map[string]string{}
	done = func(ctx context.Context) error { return sweep(ctx, c, application, owner) }
	mark := strings.ToLower(rand.Text()[:8])
	for _, old := range olds {
		name := fmt.Sprintf("%.40s-drill-%s", old, mark)
		ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": scratchLabels(ctx, c, old, application, owner)}}}
		if _, err = all.Create(ctx, ns, metav1.CreateOptions{FieldManager: "goodstate"}); err == nil {
			_, err = c.Objects.Resource(policiesKind).Namespace(name).Create(ctx, closed(name), metav1.CreateOptions{FieldManager: "goodstate"})
		}
		if err == nil && account != nil {
			_, err = c.Objects.Resource(roleBindingsKind).Namespace(name).Create(ctx, account.binding(name), metav1.CreateOptions{FieldManager: "goodstate"})
		}
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("make the scratch namespace %s: %w", name, kube.Explain(err)), done(context.WithoutCancel(ctx)))
		}
		names[old] = name
	}
	return names, done, nil
}

// scratchLabels are the application's, and what the original namespace says of the security of its pods.
func scratchLabels(ctx context.Context, c *kube.Cluster, old, application, owner string) map[string]any {
	all := map[string]any{drillLabel: label(application), ownerLabel: label(owner)}
	was, err := c.Objects.Resource(namespacesKind).Get(ctx, old, metav1.GetOptions{})
	if err != nil {
		return all // it is gone, or not for this account
	}
	for name, value := range was.GetLabels() {
		if strings.HasPrefix(name, "pod-security.kubernetes.io/") {
			all[name] = value
		}
	}
	return all
}

// binding gives the account its role in a scratch namespace.
func (o *Account) binding(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": "goodstate-drill", "namespace": namespace},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": o.Role},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": o.Name, "namespace": o.Namespace}},
	}}
}

// label is a name as a label's value may be.
func label(name string) string { return strings.Trim(fmt.Sprintf("%.63s", name), "-_.") }

// scratchFor lists the namespaces that a drill copies: those named, or those in the cluster that patterns take.
func scratchFor(ctx context.Context, c *kube.Cluster, f Filter) ([]string, error) {
	plain := slices.DeleteFunc(slices.Clone(f.Namespaces), func(n string) bool { return strings.ContainsAny(n, `*?[\`) })
	if len(plain) == len(f.Namespaces) && len(plain) > 0 {
		return plain, nil
	}
	list, err := c.Objects.Resource(namespacesKind).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("namespaces of the cluster: %w", kube.Explain(err))
	}
	for _, ns := range list.Items {
		if f.Namespace(ns.GetName()) && !slices.Contains(plain, ns.GetName()) && ns.GetLabels()[drillLabel] == "" {
			plain = append(plain, ns.GetName())
		}
	}
	return plain, nil
}

// closed is the policy of a scratch namespace: traffic within it, and questions for names.
func closed(namespace string) *unstructured.Unstructured {
	own := []any{map[string]any{"podSelector": map[string]any{}}}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
		"metadata": map[string]any{"name": "goodstate-drill", "namespace": namespace},
		"spec": map[string]any{
			"podSelector": map[string]any{}, "policyTypes": []any{"Ingress", "Egress"},
			"ingress": []any{map[string]any{"from": own}},
			"egress": []any{map[string]any{"to": own}, map[string]any{"ports": []any{
				map[string]any{"protocol": "UDP", "port": int64(53)}, map[string]any{"protocol": "TCP", "port": int64(53)},
			}}},
		},
	}}
}

// sweep deletes the scratch namespaces of an application and waits until they are away.
func sweep(ctx context.Context, c *kube.Cluster, application, owner string) error {
	all := c.Objects.Resource(namespacesKind)
	end := time.Now().Add(patience)
	for {
		list, err := all.List(ctx, metav1.ListOptions{LabelSelector: drillLabel + "=" + label(application) + "," + ownerLabel + "=" + label(owner)})
		if err != nil && !kube.Passing(err) {
			return fmt.Errorf("look for scratch namespaces: %w", kube.Explain(err))
		}
		if err == nil && len(list.Items) == 0 {
			return nil
		}
		var left []string
		if err == nil {
			for _, ns := range list.Items {
				left = append(left, ns.GetName())
				if ns.GetDeletionTimestamp() == nil {
					if err := all.Delete(ctx, ns.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) && !kube.Passing(err) {
						return fmt.Errorf("delete the scratch namespace %s: %w", ns.GetName(), kube.Explain(err))
					}
				}
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("scratch namespaces %v do not go away within %s; look for finalizers in them", left, patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
