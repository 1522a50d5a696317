package kubernetes

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime"
)

var (
	namespaces    = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}
)

// needs are the verbs without which a rollout would stop half way.
var needs = []struct {
	group, resource, sub string
	verbs                []string
}{
	{"apps", "deployments", "", []string{"get", "list", "create", "update", "patch", "delete"}},
	{"", "pods", "", []string{"list", "patch", "delete"}},
	{"", "pods", "log", []string{"get"}},
	{"", "configmaps", "", []string{"get", "create", "update"}},
	{"", "secrets", "", []string{"get", "list", "create", "update"}},
}

// MissingError says what the account may not do.
type MissingError struct {
	Place   string
	Missing []string // "update deployments"
}

// Error names every verb that is missing.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s: the account may not %s", e.Place, strings.Join(e.Missing, ", "))
}

// Hint says how it may.
func (e *MissingError) Hint() string {
	return "add the verbs to a Role of the account, for example kubectl create role"
}

// Look says whether a place can be used: the API server answers and believes the credentials, the namespace is there, and the account has every verb that a
// rollout needs. It changes nothing. Places that are no clusters are asked of those who know them.
func (r *Runtime) Look(ctx context.Context, p runtime.Place) (string, error) {
	if p.Cluster == nil {
		if l, ok := r.Local.(interface {
			Look(ctx context.Context, p runtime.Place) (string, error)
		}); ok {
			return l.Look(ctx, p)
		}
		return "", fmt.Errorf("%s is no cluster", p.Name)
	}
	s, err := r.space(ctx, p)
	if err != nil {
		return "", err
	}
	return s.look(ctx)
}

func (s *space) look(ctx context.Context) (string, error) {
	var version string
	if err := s.try(ctx, "reach the API server", func(context.Context) error {
		v, err := s.cluster.Discovery.ServerVersion()
		if err == nil {
			version = v.GitVersion
		}
		return err
	}); err != nil {
		return "", err
	}
	var missing []string
	for _, n := range needs {
		for _, verb := range n.verbs {
			ok, err := s.may(ctx, verb, n.group, n.resource, n.sub)
			if err != nil {
				return "", err
			}
			if !ok {
				missing = append(missing, strings.TrimRight(verb+" "+n.resource+"/"+n.sub, "/"))
			}
		}
	}
	if len(missing) > 0 {
		return "", &MissingError{s.name, missing}
	}
	_, err := s.cluster.Objects.Resource(namespaces).Get(ctx, s.namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", fmt.Errorf("%s: there is no namespace %s", s.name, s.namespace)
	}
	if err != nil && !apierrors.IsForbidden(err) { // an account of a namespace may not see it
		return "", fmt.Errorf("%s: namespace %s: %w", s.name, s.namespace, kube.Explain(err))
	}
	return fmt.Sprintf("Kubernetes %s, and the account may do what a rollout needs in namespace %s", version, s.namespace), nil
}

// may asks the cluster whether the account may do something.
func (s *space) may(ctx context.Context, verb, group, resource, sub string) (ok bool, err error) {
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{
			"namespace": s.namespace, "verb": verb, "group": group, "resource": resource, "subresource": sub,
		}},
	}}
	err = s.try(ctx, "ask what the account may do", func(ctx context.Context) error {
		answer, err := s.cluster.Objects.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
		if err == nil {
			ok, _, _ = unstructured.NestedBool(answer.Object, "status", "allowed") // none is no
		}
		return err
	})
	return ok, err
}
