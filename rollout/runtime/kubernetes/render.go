package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	stdmaps "maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/rollout/runtime"
)

// The names by which pods refer to what the service's configuration gives them, until the objects have names.
const (
	givenEnv   = "goodstate-env"
	givenFiles = "goodstate-files"
)

// filesAt is the folder in the container that $FILES names.
const filesAt = "/etc/goodstate"

// rendered is what a spec comes to: the workload without instances, and the configuration that it refers to by names that are not chosen yet.
type rendered struct {
	manifest Manifest
	port     string
}

// render makes the workload of a release from its manifest and its spec. Pinned are images by container that are taken instead of the manifest's.
func (s *space) render(spec runtime.Spec, pinned map[string]string) (rendered, error) {
	m, err := ReadManifest(spec.Manifest, s.namespace)
	if err != nil {
		return rendered{}, fmt.Errorf("manifest of %s %s: %w", spec.Service, spec.Version, err)
	}
	r := rendered{manifest: m}
	template, _, err := unstructured.NestedMap(m.Workload.Object, "spec", "template")
	if err != nil {
		return r, fmt.Errorf("manifest of %s %s: %w", spec.Service, spec.Version, err)
	}
	label(template, spec)
	pod, _ := template["spec"].(map[string]any) // refer has looked
	containers := maps(pod["containers"])
	i := 0
	if s.container != "" {
		if i = slices.IndexFunc(containers, func(c map[string]any) bool { return c["name"] == s.container }); i < 0 {
			return r, fmt.Errorf("manifest of %s %s: %s has no container %q", spec.Service, spec.Version, m.Workload.GetName(), s.container)
		}
	}
	main := containers[i]
	r.port = portOf(main, spec)
	if err := fill(main, spec, r.port); err != nil {
		return r, err
	}
	for _, c := range slices.Concat(containers, maps(pod["initContainers"])) {
		name, _ := c["name"].(string)
		if image := pinned[name]; image != "" {
			c["image"] = image
		}
	}
	if _, given := pod["terminationGracePeriodSeconds"]; !given && spec.Grace > 0 {
		pod["terminationGracePeriodSeconds"] = int64(math.Ceil(spec.Grace.Seconds()))
	}
	r.manifest.Configs = append(r.manifest.Configs, r.given(spec, pod, main)...)
	return r, unstructured.SetNestedMap(m.Workload.Object, template, "spec", "template")
}

// label marks the pods.
func label(template map[string]any, spec runtime.Spec) {
	meta, _ := template["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		template["metadata"] = meta
	}
	for field, values := range map[string]map[string]string{
		"labels":      {LabelService: Label(spec.Service), LabelRelease: Short(spec.Release)},
		"annotations": {annService: spec.Service, annRelease: spec.Release, annVersion: spec.Version},
	} {
		all, _ := meta[field].(map[string]any)
		if all == nil {
			all = map[string]any{}
			meta[field] = all
		}
		for name, value := range values {
			all[name] = value
		}
	}
}

// portOf is the port that the instance listens on: the service's, or the first that the container names.
func portOf(main map[string]any, spec runtime.Spec) string {
	if spec.Port != 0 {
		return strconv.Itoa(spec.Port)
	}
	for _, p := range maps(main["ports"]) {
		switch n := p["containerPort"].(type) {
		case int64:
			return strconv.FormatInt(n, 10)
		case float64:
			return strconv.Itoa(int(n))
		}
	}
	return "" // a worker: it is reached by nobody
}

var blanks = regexp.MustCompile(`\$(?:(PORT|HOST)\b|\{(PORT|HOST)\})`)

// fill gives the container the service's command, environment and limits.
func fill(main map[string]any, spec runtime.Spec, port string) error {
	if len(spec.Command) > 0 {
		words := make([]any, len(spec.Command))
		for i, word := range spec.Command {
			words[i] = blanks.ReplaceAllString(strings.ReplaceAll(word, "$(", "$$("), "$($1$2)")
		}
		main["command"] = words
		delete(main, "args")
	}
	ours := []any{
		map[string]any{"name": "HOST", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "status.podIP"}}},
		map[string]any{"name": "GOODSTATE_INSTANCE", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.name"}}},
		map[string]any{"name": "GOODSTATE_SERVICE", "value": spec.Service},
		map[string]any{"name": "GOODSTATE_RELEASE", "value": spec.Release},
	}
	if port != "" {
		ours = append(ours, map[string]any{"name": "PORT", "value": port})
	}
	for _, e := range maps(main["env"]) { // the manifest's own may refer to ours, and what it names itself stays
		ours = slices.DeleteFunc(ours, func(o any) bool { return o.(map[string]any)["name"] == e["name"] }) //nolint:forcetypeassert // made above
		ours = append(ours, e)
	}
	main["env"] = ours
	if spec.Memory <= 0 {
		return nil
	}
	return unstructured.SetNestedField(main, strconv.FormatInt(spec.Memory, 10), "resources", "limits", "memory")
}

// given are the Secrets that hold the environment and the files of the service, which the container is told of.
func (r *rendered) given(spec runtime.Spec, pod, main map[string]any) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	secret := func(name string, data map[string]any) {
		out = append(out, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name}, "stringData": data,
		}})
	}
	if len(spec.Env) > 0 {
		data := map[string]any{}
		for name, value := range spec.Env {
			data[name] = value
		}
		secret(givenEnv, data)
		from, _ := main["envFrom"].([]any)
		main["envFrom"] = append(from, map[string]any{"secretRef": map[string]any{"name": givenEnv}})
	}
	if len(spec.Files) == 0 {
		return out
	}
	data, items := map[string]any{}, []any{}
	for i, path := range slices.Sorted(stdmaps.Keys(spec.Files)) {
		key := "f" + strconv.Itoa(i)
		data[key] = spec.Files[path]
		items = append(items, map[string]any{"key": key, "path": path})
	}
	secret(givenFiles, data)
	volumes, _ := pod["volumes"].([]any)
	pod["volumes"] = append(volumes, map[string]any{"name": givenFiles, "secret": map[string]any{"secretName": givenFiles, "items": items}})
	mounts, _ := main["volumeMounts"].([]any)
	main["volumeMounts"] = append(mounts, map[string]any{"name": givenFiles, "mountPath": filesAt, "readOnly": true})
	env, _ := main["env"].([]any)
	main["env"] = append(env, map[string]any{"name": "FILES", "value": filesAt})
	return out
}

// workload is the object that a rendered release is created as: without instances, and with our selector.
func (r *rendered) workload(spec runtime.Spec) *unstructured.Unstructured {
	w := r.manifest.Workload.DeepCopy()
	delete(w.Object, "status")
	unlabel(w)
	w.SetName(objectName(spec.Service, spec.Release))
	w.SetNamespace("")
	w.SetLabels(merge(w.GetLabels(), map[string]string{labelManaged: "goodstate", LabelService: Label(spec.Service), LabelRelease: Short(spec.Release)}))
	w.SetAnnotations(merge(w.GetAnnotations(), r.annotations(spec)))
	spec2, _, _ := unstructured.NestedMap(w.Object, "spec") // it has a template
	spec2["replicas"] = int64(0)
	spec2["selector"] = map[string]any{"matchLabels": map[string]any{LabelService: Label(spec.Service), LabelRelease: Short(spec.Release)}}
	w.Object["spec"] = spec2
	return w
}

func (r *rendered) annotations(spec runtime.Spec) map[string]string {
	return map[string]string{
		annService: spec.Service, annRelease: spec.Release, annVersion: spec.Version, annInstances: "",
		annRestarts: strconv.Itoa(spec.Restarts), annPort: r.port,
	}
}

// unlabel takes away what a copy of an object that was read from a cluster would bring.
func unlabel(o *unstructured.Unstructured) {
	meta, _ := o.Object["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "ownerReferences", "finalizers"} {
		delete(meta, field)
	}
}

func merge(a, b map[string]string) map[string]string {
	out := stdmaps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	stdmaps.Copy(out, b)
	return out
}

// sumOf is the digest of a value's JSON.
func sumOf(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", errors.Join(errors.New("digest of an object"), err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

func withinOf(spec runtime.Spec) time.Duration {
	if spec.Within > 0 {
		return spec.Within
	}
	return defaultWithin
}
