package volume

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
)

// Hook holds an application for the moment of the snapshots.
type Hook struct {
	Namespace string // empty: all that are copied
	Pods      string // selector of labels; empty: none by the plan
	Container string // empty: the first one
	Before    string // command of the container's shell that makes the application hold still, its files complete
	After     string // command that lets it go on; it may run more often than needed
	Within    time.Duration
}

// hold is one container that is held.
type hold struct {
	kube.Container
	UID    string        `json:"uid"` // of the pod
	Before string        `json:"-"`
	After  string        `json:"after"`
	Within time.Duration `json:"within_ns"`
}

// The annotations of pods that say what a Hook says, where the plan allows it.
const (
	beforeAnnotation    = "goodstate.dev/quiesce"
	afterAnnotation     = "goodstate.dev/unquiesce"
	containerAnnotation = "goodstate.dev/quiesce-container"
	withinAnnotation    = "goodstate.dev/quiesce-within"
)

// usualWithin is how long an application is held at most where nothing else is said.
const usualWithin = 30 * time.Second

// holds lists the containers to hold in the namespaces that are copied. Annotations count only with a hook that says so: who may annotate a pod could otherwise run commands in it.
func (c *copying) holds(ctx context.Context, namespaces []string) (all []hold, err error) {
	for _, h := range c.opt.Hooks {
		for _, ns := range namespaces {
			if h.Namespace != "" && h.Namespace != ns {
				continue
			}
			pods, err := c.list(ctx, podsKind, ns, h.Pods)
			if err != nil {
				return nil, fmt.Errorf("pods %q of namespace %s, which are to be held: %w", h.Pods, ns, kube.Explain(err))
			}
			for i := range pods {
				if text(&pods[i], "status", "phase") != "Running" || pods[i].GetDeletionTimestamp() != nil || Mine(&pods[i]) {
					continue
				}
				one, ok, err := h.on(&pods[i])
				if err != nil {
					return nil, err
				}
				if ok {
					all = append(all, one)
				}
			}
		}
	}
	return all, nil
}

// on is what a hook wants of a pod.
func (h Hook) on(pod *unstructured.Unstructured) (hold, bool, error) {
	one := hold{UID: string(pod.GetUID()), Before: h.Before, After: h.After, Within: h.Within, Container: kube.Container{Namespace: pod.GetNamespace(), Pod: pod.GetName(), Name: h.Container}}
	if h.Before == "" {
		marks := pod.GetAnnotations()
		one.Before, one.After, one.Name = marks[beforeAnnotation], marks[afterAnnotation], marks[containerAnnotation]
		if within := marks[withinAnnotation]; within != "" {
			d, err := time.ParseDuration(within)
			if err != nil || d <= 0 {
				return one, false, fmt.Errorf("pod %s/%s: annotation %s is %q, want a time such as 30s", pod.GetNamespace(), pod.GetName(), withinAnnotation, within)
			}
			one.Within = d
		}
		if one.Before == "" && one.After == "" {
			return one, false, nil
		}
		if one.Before == "" || one.After == "" {
			return one, false, fmt.Errorf("pod %s/%s has only one of the annotations %s and %s; what holds must be let go", pod.GetNamespace(), pod.GetName(), beforeAnnotation, afterAnnotation)
		}
	}
	if one.Within <= 0 {
		one.Within = usualWithin
	}
	containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
	var have []string
	for _, c := range containers {
		container, _ := c.(map[string]any)
		name, _ := container["name"].(string)
		have = append(have, name)
	}
	if one.Name == "" && len(have) > 0 {
		one.Name = have[0]
	}
	if !slices.Contains(have, one.Name) {
		return one, false, fmt.Errorf("pod %s/%s has no container %q to hold; it has %s", pod.GetNamespace(), pod.GetName(), one.Name, strings.Join(have, ", "))
	}
	return one, true, nil
}
