package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"goodstate.dev/goodstate/core/kube"
)

func labelSet(o *unstructured.Unstructured) labels.Set { return labels.Set(o.GetLabels()) }

func (r *restorer) client(k Kind, ns string) dynamic.ResourceInterface {
	if k.Namespaced {
		return r.cluster.Objects.Resource(k.GroupVersionResource).Namespace(ns)
	}
	return r.cluster.Objects.Resource(k.GroupVersionResource)
}

// put makes an object, or deals with the one that is there. Got is what the cluster has afterwards; nil where it has none.
func (r *restorer) put(ctx context.Context, k Kind, e Entry, want *unstructured.Unstructured) (got *unstructured.Unstructured, c Change, err error) {
	c.Object = Entry{Kind: e.Kind, Namespace: want.GetNamespace(), Name: want.GetName()}.String()
	to := r.client(k, want.GetNamespace())
	err = patiently(ctx, func() (err error) {
		got, err = to.Get(ctx, want.GetName(), metav1.GetOptions{})
		return err
	})
	if err == nil && got.GetDeletionTimestamp() != nil && !r.opt.Dry {
		err = r.gone(ctx, to, got)
	}
	switch {
	case apierrors.IsNotFound(err):
		return r.create(ctx, to, e, want, c)
	case err != nil:
		return r.refused(c, err)
	}
	return r.meet(ctx, to, e, got, want, c)
}

// refused notes what the cluster does not want. Without an API server, or with credentials that are not accepted, there is no sense in going on.
func (r *restorer) refused(c Change, err error) (*unstructured.Unstructured, Change, error) {
	if kube.Passing(err) || apierrors.IsUnauthorized(err) {
		return nil, c, fmt.Errorf("restore %s: %w", c.Object, kube.Explain(err))
	}
	c.What, c.Why = Refused, kube.Explain(err).Error()
	return nil, c, nil
}

func (r *restorer) create(ctx context.Context, to dynamic.ResourceInterface, e Entry, want *unstructured.Unstructured, c Change) (*unstructured.Unstructured, Change, error) {
	c.What = Created
	opt := metav1.CreateOptions{FieldManager: "goodstate", FieldValidation: metav1.FieldValidationStrict}
	if r.opt.Dry {
		opt.DryRun = []string{metav1.DryRunAll}
	}
	var got *unstructured.Unstructured
	make := func() (err error) {
		got, err = to.Create(ctx, want, opt)
		return err
	}
	err := patiently(ctx, make)
	if taken(err) { // another service has the port by now
		everyPort(want, func(port map[string]any) { delete(port, "nodePort") })
		c.Why = "its ports on nodes are taken; it gets others"
		err = patiently(ctx, make)
	}
	switch {
	case r.opt.Dry && apierrors.IsNotFound(err):
		return nil, c, nil // its namespace is not there yet
	case r.opt.Dry && err == nil:
		return nil, c, nil
	case apierrors.IsAlreadyExists(err): // somebody was faster, a controller or an answer that was lost: what is there may be different
		err = patiently(ctx, func() (err error) {
			got, err = to.Get(ctx, want.GetName(), metav1.GetOptions{})
			return err
		})
		if err == nil {
			return r.meet(ctx, to, e, got, want, c)
		}
	}
	if err != nil {
		return r.refused(c, err)
	}
	return got, c, nil
}

// taken says that a service's port on nodes is another one's.
func taken(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "provided port is already allocated")
}

func everyPort(o *unstructured.Unstructured, do func(map[string]any)) {
	nested(o.Object, func(spec map[string]any) { everyMap(spec["ports"], do) }, "spec")
}

// meet deals with an object that is there.
func (r *restorer) meet(ctx context.Context, to dynamic.ResourceInterface, e Entry, got, want *unstructured.Unstructured, c Change) (*unstructured.Unstructured, Change, error) {
	if Equal(e.Kind, got, want) {
		c.What = Same
		return got, c, nil
	}
	c.Diff = Diff(e.Kind, got, want)
	if e.Kind == namespaces || r.opt.Conflict != Update && !byItself(e) {
		c.What = Kept
		if e.Kind == namespaces {
			c.What, c.Diff = Same, "" // its labels are policy of the cluster that it is in
		}
		return got, c, nil
	}
	c.What = Updated
	opt := metav1.UpdateOptions{FieldManager: "goodstate"}
	if r.opt.Dry {
		opt.DryRun = []string{metav1.DryRunAll}
	}
	var now *unstructured.Unstructured
	err := patiently(ctx, func() (err error) {
		next := want.DeepCopy()
		inherit(next, got)
		if now, err = to.Update(ctx, next, opt); apierrors.IsConflict(err) {
			if got, err = to.Get(ctx, want.GetName(), metav1.GetOptions{}); err == nil {
				inherit(next, got)
				now, err = to.Update(ctx, next, opt)
			}
		}
		return err
	})
	if err != nil {
		return r.refused(c, err)
	}
	return now, c, nil
}

// byItself names what a new namespace has from its first moment.
func byItself(e Entry) bool { return e.Kind == "serviceaccounts" && e.Name == "default" }

// inherit keeps what cannot change in an object that is there.
func inherit(next, got *unstructured.Unstructured) {
	next.SetResourceVersion(got.GetResourceVersion())
	next.SetUID(got.GetUID())
	for _, at := range [][]string{{"spec", "clusterIP"}, {"spec", "clusterIPs"}, {"spec", "volumeName"}, {"spec", "healthCheckNodePort"}} {
		if v, ok, _ := unstructured.NestedFieldCopy(got.Object, at...); ok {
			if _, has, _ := unstructured.NestedFieldNoCopy(next.Object, at...); !has {
				_ = unstructured.SetNestedField(next.Object, v, at...) // spec is an object in both
			}
		}
	}
}

// gone waits until an object that is being deleted is away; then it is not found.
func (r *restorer) gone(ctx context.Context, to dynamic.ResourceInterface, o *unstructured.Unstructured) error {
	end := time.Now().Add(patience)
	for {
		now, err := to.Get(ctx, o.GetName(), metav1.GetOptions{})
		if err != nil && !kube.Passing(err) || err == nil && now.GetUID() != o.GetUID() {
			return err
		}
		if time.Now().After(end) {
			held := o.GetFinalizers()
			if spec, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "finalizers"); len(spec) > 0 {
				held = append(held, spec...)
			}
			return fmt.Errorf("it is being deleted since %s and does not go away; finalizers %v hold it: end them or restore into another namespace", o.GetDeletionTimestamp(), held)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// learn waits until new kinds are served.
func (r *restorer) learn(ctx context.Context, part []Entry) error {
	end := time.Now().Add(patience)
	for {
		kinds, _, err := Kinds(r.cluster)
		waiting := ""
		if err == nil {
			r.kinds = kinds
			for _, e := range part {
				if !slices.ContainsFunc(kinds, func(k Kind) bool { return k.Name() == e.Name }) && r.made(e) {
					waiting = e.Name
				}
			}
			if waiting == "" {
				return nil
			}
		}
		if time.Now().After(end) {
			if err != nil {
				return err
			}
			r.opt.Say(fmt.Sprintf("kind %s is not served after %s; its objects will be refused", waiting, patience))
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// made says that a definition is in the cluster now.
func (r *restorer) made(e Entry) bool {
	return slices.ContainsFunc(r.done.Changes, func(c Change) bool {
		return c.Object == e.String() && (c.What == Created || c.What == Updated || c.What == Same)
	})
}

func reference(owner metav1.OwnerReference, uid types.UID) map[string]any {
	ref := map[string]any{"apiVersion": owner.APIVersion, "kind": owner.Kind, "name": owner.Name, "uid": string(uid)}
	if owner.Controller != nil {
		ref["controller"] = *owner.Controller
	}
	if owner.BlockOwnerDeletion != nil {
		ref["blockOwnerDeletion"] = *owner.BlockOwnerDeletion
	}
	return ref
}

// own adds owners to an object.
func (r *restorer) own(ctx context.Context, o orphan, refs []map[string]any) error {
	to := r.client(o.kind, o.ns)
	return patiently(ctx, func() error {
		now, err := to.Get(ctx, o.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		have, _, _ := unstructured.NestedSlice(now.Object, "metadata", "ownerReferences")
		for _, ref := range refs {
			if !slices.ContainsFunc(have, func(h any) bool { m, _ := h.(map[string]any); return m["uid"] == ref["uid"] }) {
				have = append(have, ref)
			}
		}
		text, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": now.GetResourceVersion(), "ownerReferences": have}})
		if err != nil {
			return err
		}
		_, err = to.Patch(ctx, o.name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: "goodstate"})
		return err
	})
}
