package kubernetes

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func kind(group, resource string, namespaced bool) Kind {
	return Kind{GroupVersionResource: schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}, Namespaced: namespaced}
}

func TestAFilterTakesNamespacesAndKindsByNameAndPattern(t *testing.T) {
	all, shops := Filter{}, Filter{Namespaces: []string{"shop", "shop-*"}, Exclude: []string{"shop-test"}}
	for _, c := range []struct {
		name   string
		filter Filter
		ns     string
		want   bool
	}{
		{"the whole cluster has any namespace", all, "shop", true},
		{"but not those of the control plane", all, "kube-system", false},
		{"a name is taken", shops, "shop", true},
		{"a pattern is taken", shops, "shop-eu", true},
		{"what is excluded is not, whatever else is said", shops, "shop-test", false},
		{"another is not", shops, "bakery", false},
		{"the control plane's when it is asked for", Filter{Namespaces: []string{"kube-system"}}, "kube-system", true},
		{"a broken pattern takes nothing", Filter{Namespaces: []string{"[a"}}, "a", false},
	} {
		if got := c.filter.Namespace(c.ns); got != c.want {
			t.Errorf("%s: %s is taken: %v", c.name, c.ns, got)
		}
	}
	some := Filter{Kinds: []string{"deployments.apps", "secrets"}, Without: []string{"secrets"}}
	for _, c := range []struct {
		kind Kind
		want bool
	}{
		{kind("apps", "deployments", true), true},
		{kind("", "secrets", true), false},
		{kind("", "configmaps", true), false},
		{kind("", "namespaces", false), true},
		{kind("apiextensions.k8s.io", "customresourcedefinitions", false), true},
	} {
		if got := some.Kind(c.kind); got != c.want {
			t.Errorf("%s is taken: %v", c.kind.Name(), got)
		}
	}
}

func TestAChosenNamespaceBringsWhatItNeedsOfTheCluster(t *testing.T) {
	n := newNeeded(Filter{Namespaces: []string{"shop"}})
	n.see(kind("shop.example", "offers", true), object(t, `{apiVersion: shop.example/v1, kind: Offer, metadata: {name: tea, namespace: shop}}`))
	n.see(kind("", "persistentvolumeclaims", true), object(t, `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a, namespace: shop}, spec: {volumeName: pv-1, storageClassName: fast}}`))
	binding := func(ns string) *unstructured.Unstructured {
		return object(t, `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: of-`+ns+`}, subjects: [{kind: ServiceAccount, name: a, namespace: `+ns+`}]}`)
	}
	named := func(name string) *unstructured.Unstructured {
		return object(t, `{apiVersion: v1, kind: Any, metadata: {name: `+name+`}}`)
	}
	roles := kind("rbac.authorization.k8s.io", "clusterroles", false)
	binds := kind("rbac.authorization.k8s.io", "clusterrolebindings", false)
	webhook := func(ns string) *unstructured.Unstructured {
		return object(t, `{apiVersion: v1, kind: V, metadata: {name: w}, webhooks: [{name: x, clientConfig: {service: {name: s, namespace: `+ns+`}}}]}`)
	}
	hooks := kind("admissionregistration.k8s.io", "validatingwebhookconfigurations", false)
	for _, c := range []struct {
		what string
		kind Kind
		o    *unstructured.Unstructured
		want bool
	}{
		{"its namespace", kind("", "namespaces", false), named("shop"), true},
		{"another namespace", kind("", "namespaces", false), named("bakery"), false},
		{"the definition of its custom resource", kind("apiextensions.k8s.io", "customresourcedefinitions", false), named("offers.shop.example"), true},
		{"another definition", kind("apiextensions.k8s.io", "customresourcedefinitions", false), named("cakes.bakery.example"), false},
		{"its volume", kind("", "persistentvolumes", false), named("pv-1"), true},
		{"another volume", kind("", "persistentvolumes", false), named("pv-2"), false},
		{"its storage class", kind("storage.k8s.io", "storageclasses", false), named("fast"), true},
		{"the binding of its account", binds, binding("shop"), true},
		{"another's binding", binds, binding("bakery"), false},
		{"the role of its account", roles, named("of-shop"), true},
		{"another's role", roles, named("of-bakery"), false},
		{"the webhook that it serves", hooks, webhook("shop"), true},
		{"another's webhook", hooks, webhook("bakery"), false},
	} {
		if got := n.takes(c.kind, c.o); got != c.want {
			t.Errorf("%s is taken: %v", c.what, got)
		}
	}
}
