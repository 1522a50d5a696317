package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"goodstate.dev/goodstate/rollout/runtime"
)

// Sync is the object by which Argo CD or Flux keeps a namespace as Git says.
type Sync struct {
	Kind      string // Application, Kustomization or HelmRelease
	Namespace string
	Name      string
}

var syncKinds = map[string]schema.GroupVersionResource{
	"Application":   {Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"},
	"Kustomization": {Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Resource: "kustomizations"},
	"HelmRelease":   {Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"},
}

// What says that a sync is paused: Argo CD's own annotation, Flux's own field, and beside it whose pause it is.
const (
	skipReconcile = "argocd.argoproj.io/skip-reconcile"
	annPaused     = "goodstate.dev/paused-by" // the rollout that paused it
	annHeld       = "goodstate.dev/held"      // the release that is held, and why
)

// Pause keeps the sync from working against a rollout, and says in it who did that and which release is held. One that a person has paused stays theirs.
func (r *Runtime) Pause(ctx context.Context, p runtime.Place, y Sync, run, held string) error {
	return r.sync(ctx, p, y, func(o *unstructured.Unstructured, paused bool) map[string]any {
		mine := o.GetAnnotations()[annPaused] != ""
		if paused && !mine {
			return nil
		}
		return y.patch(true, map[string]any{annPaused: run, annHeld: orNothing(held)})
	})
}

// Resume lets the sync work again, where it was goodstate that paused it.
func (r *Runtime) Resume(ctx context.Context, p runtime.Place, y Sync) error {
	return r.sync(ctx, p, y, func(o *unstructured.Unstructured, _ bool) map[string]any {
		if o.GetAnnotations()[annPaused] == "" {
			return nil
		}
		return y.patch(false, map[string]any{annPaused: nil, annHeld: nil})
	})
}

func orNothing(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// patch is the change of the object that pauses it or lets it go.
func (y Sync) patch(pause bool, annotations map[string]any) map[string]any {
	out := map[string]any{"metadata": map[string]any{"annotations": annotations}}
	switch {
	case y.Kind != "Application":
		out["spec"] = map[string]any{"suspend": pause}
	case pause:
		annotations[skipReconcile] = "true"
	default:
		annotations[skipReconcile] = nil
	}
	return out
}

func (y Sync) paused(o *unstructured.Unstructured) bool {
	if y.Kind == "Application" {
		return o.GetAnnotations()[skipReconcile] == "true"
	}
	suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend") // none is no
	return suspended
}

// sync reads the object and writes what is to be changed, if anything.
func (r *Runtime) sync(ctx context.Context, p runtime.Place, y Sync, change func(o *unstructured.Unstructured, paused bool) map[string]any) error {
	s, err := r.space(ctx, p)
	if err != nil {
		return err
	}
	what := y.Kind + " " + y.Namespace + "/" + y.Name
	return s.try(ctx, "pause or resume "+what, func(ctx context.Context) error {
		objects := s.cluster.Objects.Resource(syncKinds[y.Kind]).Namespace(y.Namespace)
		for {
			o, err := objects.Get(ctx, y.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			patch := change(o, y.paused(o))
			if patch == nil {
				return nil
			}
			patch["metadata"].(map[string]any)["resourceVersion"] = o.GetResourceVersion() //nolint:forcetypeassert // made above
			text, err := json.Marshal(patch)
			if err != nil {
				return err
			}
			if _, err = objects.Patch(ctx, y.Name, types.MergePatchType, text, metav1.PatchOptions{}); !apierrors.IsConflict(err) {
				return err
			}
		}
	})
}

// Mark writes on a release's Deployment that it is held, and why; without a text the mark goes.
func (r *Runtime) Mark(ctx context.Context, p runtime.Place, service, release, held string) error {
	s, err := r.space(ctx, p)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{annHeld: orNothing(strings.TrimSpace(held))}}})
	if err != nil {
		return fmt.Errorf("mark %s: %w", release, err)
	}
	return s.try(ctx, "mark Deployment "+objectName(service, release), func(ctx context.Context) error {
		_, err := s.of(deployments).Patch(ctx, objectName(service, release), types.MergePatchType, text, metav1.PatchOptions{})
		if apierrors.IsNotFound(err) {
			return nil // it never got that far
		}
		return err
	})
}
