package kubernetes

import (
	"maps"
	"reflect"
	"slices"

	"github.com/aymanbagabas/go-udiff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Equal compares what somebody wanted of two objects: what the cluster itself writes is left aside, and so are owners' uids.
func Equal(kind string, a, b *unstructured.Unstructured) bool {
	return reflect.DeepEqual(comparable(kind, a).Object, comparable(kind, b).Object)
}

func comparable(kind string, o *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	Clean(kind, o)
	drop(o, "apiVersion") // versions of one kind are compared by what they say
	o.SetOwnerReferences(nil)
	if kind == "persistentvolumeclaims" {
		drop(o, "spec", "volumeName")
	}
	if kind == "persistentvolumes" {
		drop(o, "spec", "claimRef")
	}
	if kind == namespaces || len(o.GetLabels()) == 0 {
		drop(o, "metadata", "labels")
	}
	if len(o.GetAnnotations()) == 0 {
		drop(o, "metadata", "annotations")
	}
	prune(o.Object)
	return o
}

// prune takes out fields without a value, which servers write or leave out as they like.
func prune(object map[string]any) {
	for name, v := range object {
		switch v := v.(type) {
		case nil:
			delete(object, name)
		case map[string]any:
			prune(v)
		case []any:
			for _, inside := range v {
				if m, ok := inside.(map[string]any); ok {
					prune(m)
				}
			}
		}
	}
}

// Diff says how one object becomes the other. Values of Secrets are never in it.
func Diff(kind string, from, to *unstructured.Unstructured) string {
	a, b := comparable(kind, from), comparable(kind, to)
	if kind == "secrets" {
		hide(a, b)
	}
	before, err := manifest(a)
	if err != nil {
		return err.Error()
	}
	after, err := manifest(b)
	if err != nil {
		return err.Error()
	}
	return udiff.Unified("in the cluster", "in the restore point", string(before), string(after))
}

// hide replaces the values of two Secrets by whether they are equal.
func hide(a, b *unstructured.Unstructured) {
	for _, field := range []string{"data", "stringData"} {
		x, _, _ := unstructured.NestedMap(a.Object, field)
		y, _, _ := unstructured.NestedMap(b.Object, field)
		for _, name := range slices.Sorted(maps.Keys(x)) {
			if v, ok := y[name]; ok && !reflect.DeepEqual(v, x[name]) {
				y[name] = "(hidden, another value)"
			} else if ok {
				y[name] = "(hidden)"
			}
			x[name] = "(hidden)"
		}
		for name, v := range y {
			if text, ok := v.(string); !ok || text != "(hidden)" && text != "(hidden, another value)" {
				y[name] = "(hidden)"
			}
		}
		if x != nil {
			_ = unstructured.SetNestedMap(a.Object, x, field) // it was a map
		}
		if y != nil {
			_ = unstructured.SetNestedMap(b.Object, y, field) // it was a map
		}
	}
	// What kubectl remembers of its last apply has the values again.
	dropAnnotations(a, "kubectl.kubernetes.io/last-applied-configuration")
	dropAnnotations(b, "kubectl.kubernetes.io/last-applied-configuration")
}
