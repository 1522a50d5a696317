package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Manifest is what a release brings to a cluster: one workload, and the ConfigMaps and Secrets that its pods use.
type Manifest struct {
	Workload *unstructured.Unstructured
	Configs  []*unstructured.Unstructured
}

const mostObjects = 100

// ReadManifest reads the documents of a manifest for a namespace. What goodstate would not move and bring back is refused, not passed over.
func ReadManifest(text, namespace string) (Manifest, error) {
	var m Manifest
	docs := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for n := 1; ; n++ {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n > mostObjects {
			return m, fmt.Errorf("document %d: %w, want at most %d YAML documents", n, err, mostObjects)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		var fields map[string]any
		if err := yaml.UnmarshalStrict(doc, &fields); err != nil {
			return m, fmt.Errorf("document %d: %w", n, err)
		}
		if len(fields) == 0 {
			continue // only comments
		}
		if err := m.add(&unstructured.Unstructured{Object: fields}, namespace); err != nil {
			return m, fmt.Errorf("document %d: %w", n, err)
		}
	}
	if m.Workload == nil {
		return m, errors.New("no Deployment is in it, want one that the instances are made from")
	}
	return m, m.used()
}

func (m *Manifest) add(o *unstructured.Unstructured, namespace string) error {
	what := fmt.Sprintf("%s %s", o.GetKind(), o.GetName())
	if ns := o.GetNamespace(); ns != "" && ns != namespace {
		return fmt.Errorf("%s is for namespace %s, and the service is in %s", what, ns, namespace)
	}
	switch o.GetAPIVersion() + " " + o.GetKind() {
	case "apps/v1 StatefulSet":
		return fmt.Errorf("%s: a StatefulSet cannot be moved yet, since its pods keep their volumes and names; write a Deployment", what)
	case "apps/v1 Deployment":
		if m.Workload != nil {
			return fmt.Errorf("%s: there is %s %s already, and a service has one workload", what, m.Workload.GetKind(), m.Workload.GetName())
		}
		if list, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers"); err != nil || len(list) == 0 {
			return fmt.Errorf("%s has no containers", what)
		}
		m.Workload = o
	case "v1 ConfigMap", "v1 Secret":
		if o.GetName() == "" {
			return fmt.Errorf("a %s without a name", o.GetKind())
		}
		if n := o.GetName(); n == givenEnv || n == givenFiles {
			return fmt.Errorf("%s: the name is taken by what goodstate.yaml gives pods", what)
		}
		m.Configs = append(m.Configs, o)
	case "argoproj.io/v1alpha1 Rollout":
		return fmt.Errorf("%s is of Argo Rollouts, which moves releases by itself; write a Deployment, or leave the service to Argo Rollouts", what)
	case "flagger.app/v1beta1 Canary":
		return fmt.Errorf("%s is of Flagger, which moves releases by itself; leave it out, or leave the service to Flagger", what)
	default:
		return fmt.Errorf("%s (%s) would not go back with the release: apply it yourself; a release has a Deployment with its ConfigMaps and Secrets", what, o.GetAPIVersion())
	}
	return nil
}

// used refuses configuration that no pod refers to: its name changes with its content, so that nobody could find it.
func (m *Manifest) used() error {
	named := map[string]bool{}
	if err := m.refer(m.Workload.DeepCopy(), func(kind, name string) string { named[kind+" "+name] = true; return name }); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range m.Configs {
		key := c.GetKind() + " " + c.GetName()
		if seen[key] {
			return fmt.Errorf("%s is there twice", key)
		}
		if seen[key] = true; !named[key] {
			return fmt.Errorf("%s is used by no container and volume of %s %s", key, m.Workload.GetKind(), m.Workload.GetName())
		}
	}
	return nil
}

// refer calls rename with every ConfigMap and Secret that pods of the workload refer to, and writes what it returns.
func (m *Manifest) refer(workload *unstructured.Unstructured, rename func(kind, name string) string) error {
	spec, ok, err := unstructured.NestedMap(workload.Object, "spec", "template", "spec")
	if err != nil || !ok {
		return fmt.Errorf("%s %s: spec.template.spec is not there or no object", workload.GetKind(), workload.GetName())
	}
	walk(spec, func(key string, at map[string]any) {
		field, kind := "name", "ConfigMap"
		switch key {
		case "configMap", "configMapRef", "configMapKeyRef":
		case "secretRef", "secretKeyRef":
			kind = "Secret"
		case "secret":
			kind = "Secret"
			if _, named := at["secretName"]; named {
				field = "secretName"
			}
		default:
			return
		}
		if name, ok := at[field].(string); ok && name != "" {
			at[field] = rename(kind, name)
		}
	})
	for _, at := range maps(spec["imagePullSecrets"]) {
		if name, ok := at["name"].(string); ok {
			at["name"] = rename("Secret", name)
		}
	}
	return unstructured.SetNestedMap(workload.Object, spec, "spec", "template", "spec")
}

// walk visits every object below a value, with the key that it is at.
func walk(at any, visit func(key string, at map[string]any)) {
	switch v := at.(type) {
	case map[string]any:
		for key, value := range v {
			if inner, ok := value.(map[string]any); ok {
				visit(key, inner)
			}
			walk(value, visit)
		}
	case []any:
		for _, value := range v {
			walk(value, visit)
		}
	}
}

// maps are the objects of a list.
func maps(list any) []map[string]any {
	all, _ := list.([]any)
	var out []map[string]any
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// Listens says whether the container, the first one where none is named, names a port.
func (m *Manifest) Listens(container string) bool {
	all, _, _ := unstructured.NestedSlice(m.Workload.Object, "spec", "template", "spec", "containers") // ReadManifest has looked
	for i, c := range maps(all) {
		if c["name"] == container || container == "" && i == 0 {
			return len(maps(c["ports"])) > 0
		}
	}
	return false
}
