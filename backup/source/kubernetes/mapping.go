package kubernetes

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Mapping says under which other names things come back. What it does not name stays as it is.
type Mapping struct {
	Namespaces     map[string]string // old to new
	StorageClasses map[string]string // old to new
	Images         map[string]string // beginnings of image names, for example of a registry, old to new
}

func (m Mapping) namespace(name string) string { return renamed(m.Namespaces, name) }

func renamed(names map[string]string, name string) string {
	if to, ok := names[name]; ok {
		return to
	}
	return name
}

// Apply renames in an object. Only fields that Kubernetes itself defines are known: a custom resource that names a namespace in its spec keeps that name.
func (m Mapping) Apply(kind string, o *unstructured.Unstructured) {
	if len(m.Namespaces) > 0 {
		m.spaces(kind, o)
	}
	if len(m.StorageClasses) > 0 {
		m.classes(kind, o)
	}
	if spec := podSpec(o); spec != nil && len(m.Images) > 0 {
		for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
			everyMap(spec[list], func(c map[string]any) {
				if image, ok := c["image"].(string); ok {
					c["image"] = m.image(image)
				}
			})
		}
	}
}

func (m Mapping) spaces(kind string, o *unstructured.Unstructured) {
	if ns := o.GetNamespace(); ns != "" {
		o.SetNamespace(m.namespace(ns))
	}
	rename := func(object map[string]any) {
		if ns, ok := object["namespace"].(string); ok {
			object["namespace"] = m.namespace(ns)
		}
	}
	switch kind {
	case namespaces:
		labels := o.GetLabels()
		if labels["kubernetes.io/metadata.name"] != "" {
			labels["kubernetes.io/metadata.name"] = m.namespace(o.GetName())
			o.SetLabels(labels)
		}
		o.SetName(m.namespace(o.GetName()))
	case "persistentvolumes":
		nested(o.Object, rename, "spec", "claimRef")
	case "apiservices.apiregistration.k8s.io":
		nested(o.Object, rename, "spec", "service")
	case definitions:
		nested(o.Object, rename, "spec", "conversion", "webhook", "clientConfig", "service")
	}
	everyMap(o.Object["subjects"], rename)
	everyMap(o.Object["webhooks"], func(w map[string]any) { nested(w, rename, "clientConfig", "service") })
}

func (m Mapping) classes(kind string, o *unstructured.Unstructured) {
	claim := func(c map[string]any) {
		nested(c, func(spec map[string]any) {
			if class, ok := spec["storageClassName"].(string); ok {
				spec["storageClassName"] = renamed(m.StorageClasses, class)
			}
		}, "spec")
	}
	switch kind {
	case "persistentvolumeclaims", "persistentvolumes":
		claim(o.Object)
	case "statefulsets.apps":
		nested(o.Object, func(spec map[string]any) { everyMap(spec["volumeClaimTemplates"], claim) }, "spec")
	}
}

// image replaces the longest beginning that is named.
func (m Mapping) image(name string) string {
	best := ""
	for from := range m.Images {
		if strings.HasPrefix(name, from) && len(from) > len(best) {
			best = from
		}
	}
	if best == "" {
		return name
	}
	return m.Images[best] + name[len(best):]
}

// podSpec is the description of pods in an object that makes pods, or nil.
func podSpec(o *unstructured.Unstructured) map[string]any {
	for _, at := range [][]string{{"spec", "jobTemplate", "spec", "template", "spec"}, {"spec", "template", "spec"}, {"spec"}} {
		now := o.Object
		for _, field := range at {
			now, _ = now[field].(map[string]any)
		}
		if _, ok := now["containers"]; ok {
			return now
		}
	}
	return nil
}

// nested calls do with the object at the end of the fields, if it is there.
func nested(object map[string]any, do func(map[string]any), fields ...string) {
	for _, field := range fields {
		object, _ = object[field].(map[string]any)
	}
	if object != nil {
		do(object)
	}
}

func everyMap(list any, do func(map[string]any)) {
	all, _ := list.([]any)
	for _, v := range all {
		if object, ok := v.(map[string]any); ok {
			do(object)
		}
	}
}
