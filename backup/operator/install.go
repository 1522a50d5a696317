package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"goodstate.dev/goodstate/core/kube"
)

// Installer applies manifests to a cluster, and takes them away.
type Installer struct {
	Cluster   *kube.Cluster
	Namespace string
	Say       func(text string)
	mapper    *restmapper.DeferredDiscoveryRESTMapper
}

func (i *Installer) to(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	if i.mapper == nil {
		i.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(i.Cluster.Discovery))
	}
	gvk := o.GroupVersionKind()
	m, err := i.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), kube.Explain(err))
	}
	if m.Scope.Name() == meta.RESTScopeNameNamespace {
		return i.Cluster.Objects.Resource(m.Resource).Namespace(o.GetNamespace()), nil
	}
	return i.Cluster.Objects.Resource(m.Resource), nil
}

func parse(docs []string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, text := range docs {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			return nil, fmt.Errorf("manifest of the operator: %w", err)
		}
		all = append(all, o)
	}
	return all, nil
}

// Install makes the namespace, the definitions and the rest, or brings them to what is wanted. It may be called again.
func (i *Installer) Install(ctx context.Context, definitions, manifests []string) error {
	space := fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %q}}", i.Namespace)
	first, err := parse(append([]string{space}, definitions...))
	if err != nil {
		return err
	}
	rest, err := parse(manifests)
	if err != nil {
		return err
	}
	for _, o := range append(first, rest...) {
		to, err := i.to(o)
		if err != nil {
			return err
		}
		if _, err := to.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "goodstate-operator-install", Force: true}); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), kube.Explain(err))
		}
		i.Say(fmt.Sprintf("%s %s", o.GetKind(), o.GetName()))
	}
	return i.served(ctx, definitions)
}

// served waits until the cluster takes the custom resources.
func (i *Installer) served(ctx context.Context, definitions []string) error {
	all, err := parse(definitions)
	if err != nil {
		return err
	}
	end := time.Now().Add(time.Minute)
	for _, o := range all {
		for {
			to, err := i.to(o)
			if err != nil {
				return err
			}
			now, err := to.Get(ctx, o.GetName(), metav1.GetOptions{})
			if err == nil && established(now) {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s is not served after a minute: %w", o.GetName(), errors.Join(err, fmt.Errorf("its conditions say why: kubectl get crd %s -o yaml", o.GetName())))
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

func established(o *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		m, _ := c.(map[string]any)
		return m["type"] == "Established" && m["status"] == "True"
	})
}

// Uninstall deletes what Install made, but for the namespace and its data. The definitions go only with purge, and then only when no object of them is left: they would take
// plans and Backups with them, and with the operator gone nobody could end their finalizers.
func (i *Installer) Uninstall(ctx context.Context, definitions, manifests []string, purge bool) error {
	rest, err := parse(manifests)
	if err != nil {
		return err
	}
	if purge {
		if err := i.none(ctx); err != nil {
			return err
		}
		more, err := parse(definitions)
		if err != nil {
			return err
		}
		rest = append(more, rest...)
	}
	slices.Reverse(rest)
	for _, o := range rest {
		if o.GetKind() == "PersistentVolumeClaim" && !purge {
			i.Say("PersistentVolumeClaim " + o.GetName() + " stays: it has what goodstate remembers")
			continue
		}
		to, err := i.to(o)
		if err != nil {
			return err
		}
		err = to.Delete(ctx, o.GetName(), metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), kube.Explain(err))
		}
		i.Say(fmt.Sprintf("%s %s is deleted", o.GetKind(), o.GetName()))
	}
	return nil
}

// none says that no custom resource is left.
func (i *Installer) none(ctx context.Context) error {
	for _, plural := range []string{"repositories", "backupplans", "backups", "restores", "drills"} {
		left, err := i.Cluster.Objects.Resource(Version.WithResource(plural)).List(ctx, metav1.ListOptions{Limit: 1})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return fmt.Errorf("look for %s: %w", plural, kube.Explain(err))
		case len(left.Items) > 0:
			return fmt.Errorf("there are %s, the first is %s/%s; delete them while the operator runs, it has to end their finalizers", plural, left.Items[0].GetNamespace(), left.Items[0].GetName())
		}
	}
	return nil
}

// Release takes the operator's finalizers off what is left of a kind that is being deleted, for a cluster in which no operator runs any more. Restore points stay.
func (i *Installer) Release(ctx context.Context) (int, error) {
	n := 0
	for _, plural := range []string{"repositories", "backups"} {
		all := i.Cluster.Objects.Resource(Version.WithResource(plural))
		list, err := all.List(ctx, metav1.ListOptions{})
		if err != nil {
			return n, fmt.Errorf("look for %s: %w", plural, kube.Explain(err))
		}
		for _, o := range list.Items {
			kept := slices.DeleteFunc(o.GetFinalizers(), func(f string) bool { return f == heldFinalizer || f == pointFinalizer })
			if len(kept) == len(o.GetFinalizers()) || o.GetDeletionTimestamp() == nil {
				continue
			}
			text := []byte(`{"metadata":{"finalizers":null}}`)
			if len(kept) > 0 {
				continue // others hold it too; theirs are not ours to end
			}
			if _, err := all.Namespace(o.GetNamespace()).Patch(ctx, o.GetName(), types.MergePatchType, text, metav1.PatchOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return n, fmt.Errorf("release %s %s/%s: %w", plural, o.GetNamespace(), o.GetName(), kube.Explain(err))
			}
			n++
		}
	}
	return n, nil
}
