package kubernetes

import (
	"path"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Filter says which objects are taken. The zero value takes the whole cluster but for the namespaces of the control plane.
type Filter struct {
	Namespaces []string        // names or patterns (shop-*); with none all but kube-*
	Exclude    []string        // namespaces that are left out, also patterns
	Kinds      []string        // as kubectl names them: deployments.apps, secrets; with none all
	Without    []string        // kinds that are left out
	Inside     bool            // nothing of the cluster itself, not even the namespaces
	Labels     labels.Selector // of namespaced objects; nil takes all
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// Whole says that cluster-wide objects are taken whether or not a chosen namespace needs them.
func (f Filter) Whole() bool { return len(f.Namespaces) == 0 && f.Labels == nil }

// Namespace says whether objects of this namespace are taken.
func (f Filter) Namespace(name string) bool {
	if matches(f.Exclude, name) {
		return false
	}
	if len(f.Namespaces) == 0 {
		return name != "kube-system" && name != "kube-public" && name != "kube-node-lease"
	}
	return matches(f.Namespaces, name)
}

// Kind says whether objects of this kind are taken. Namespaces and definitions of kinds always are: the others cannot be restored without.
func (f Filter) Kind(k Kind) bool {
	name := k.Name()
	if f.Inside && !k.Namespaced {
		return false
	}
	if name == namespaces || name == definitions {
		return true
	}
	if slices.Contains(f.Without, name) || slices.Contains(f.Without, k.Resource) {
		return false
	}
	return len(f.Kinds) == 0 || slices.Contains(f.Kinds, name) || slices.Contains(f.Kinds, k.Resource)
}

const (
	namespaces  = "namespaces"
	definitions = "customresourcedefinitions.apiextensions.k8s.io"
)

// needed collects which cluster-wide objects the chosen namespaces need.
type needed struct {
	filter Filter
	kinds  map[string]bool // "kind.group" of custom resources that were taken
	names  map[string]bool // "persistentvolumes/NAME" and the like that were referred to
	taken  map[string]bool // namespaces of which objects were taken
}

func newNeeded(f Filter) *needed {
	return &needed{filter: f, kinds: map[string]bool{}, names: map[string]bool{}, taken: map[string]bool{}}
}

// see notes what a namespaced object refers to.
func (n *needed) see(k Kind, o *unstructured.Unstructured) {
	n.kinds[k.Name()] = true
	n.taken[o.GetNamespace()] = true
	refer := func(kind string, fields ...string) {
		if name, _, _ := unstructured.NestedString(o.Object, fields...); name != "" {
			n.names[kind+"/"+name] = true
		}
	}
	switch k.Name() {
	case "persistentvolumeclaims":
		refer("persistentvolumes", "spec", "volumeName")
		refer("storageclasses.storage.k8s.io", "spec", "storageClassName")
	case "rolebindings.rbac.authorization.k8s.io":
		if kind, _, _ := unstructured.NestedString(o.Object, "roleRef", "kind"); kind == "ClusterRole" {
			refer("clusterroles.rbac.authorization.k8s.io", "roleRef", "name")
		}
	case "ingresses.networking.k8s.io":
		refer("ingressclasses.networking.k8s.io", "spec", "ingressClassName")
	case "pods":
		refer("priorityclasses.scheduling.k8s.io", "spec", "priorityClassName")
	case "volumesnapshots.snapshot.storage.k8s.io":
		refer("volumesnapshotclasses.snapshot.storage.k8s.io", "spec", "volumeSnapshotClassName")
	}
	refer("priorityclasses.scheduling.k8s.io", "spec", "template", "spec", "priorityClassName")
}

// bindings are looked at before the roles that they may need.
const bindings = "clusterrolebindings.rbac.authorization.k8s.io"

// takes says whether a cluster-wide object is needed. It is asked after all namespaced ones were seen, and for bindings before roles.
func (n *needed) takes(k Kind, o *unstructured.Unstructured) bool {
	if k.Name() == namespaces {
		return n.filter.Namespace(o.GetName()) && (n.filter.Labels == nil || n.taken[o.GetName()])
	}
	if n.filter.Whole() {
		return true
	}
	switch k.Name() {
	case definitions:
		return n.kinds[o.GetName()]
	case bindings:
		if n.binds(o) {
			role, _, _ := unstructured.NestedString(o.Object, "roleRef", "name")
			n.names["clusterroles.rbac.authorization.k8s.io/"+role] = true
			return true
		}
		return false
	case "validatingwebhookconfigurations.admissionregistration.k8s.io", "mutatingwebhookconfigurations.admissionregistration.k8s.io":
		return n.calls(o)
	case "apiservices.apiregistration.k8s.io":
		ns, _, _ := unstructured.NestedString(o.Object, "spec", "service", "namespace")
		return n.filter.Namespace(ns) && ns != ""
	}
	return n.names[k.Name()+"/"+o.GetName()]
}

// binds says whether a binding is for an account of a chosen namespace.
func (n *needed) binds(o *unstructured.Unstructured) bool {
	subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
	return slices.ContainsFunc(subjects, func(s any) bool {
		subject, _ := s.(map[string]any)
		ns, _ := subject["namespace"].(string)
		return subject["kind"] == "ServiceAccount" && ns != "" && n.filter.Namespace(ns)
	})
}

// calls says whether a webhook is served by a chosen namespace.
func (n *needed) calls(o *unstructured.Unstructured) bool {
	hooks, _, _ := unstructured.NestedSlice(o.Object, "webhooks")
	return slices.ContainsFunc(hooks, func(h any) bool {
		hook, _ := h.(map[string]any)
		ns, _, _ := unstructured.NestedString(hook, "clientConfig", "service", "namespace")
		return ns != "" && n.filter.Namespace(ns)
	})
}
