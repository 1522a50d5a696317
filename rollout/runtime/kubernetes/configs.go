package kubernetes

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/rollout/runtime"
)

// configured makes sure that the configuration of a rendered release is there, immutable, and writes the names that it got into the workload. The name of a
// ConfigMap tells its content. A Secret's does not: a short secret could be guessed from it, so that one with the same content is looked for.
func (s *space) configured(ctx context.Context, spec runtime.Spec, r *rendered) error {
	named := map[string]string{}
	for _, c := range r.manifest.Configs {
		make := s.configMap
		if c.GetKind() == "Secret" {
			make = s.secret
		}
		name, err := make(ctx, spec, c)
		if err != nil {
			return err
		}
		named[c.GetKind()+" "+c.GetName()] = name
	}
	return r.manifest.refer(r.manifest.Workload, func(kind, name string) string {
		if is, ok := named[kind+" "+name]; ok {
			return is
		}
		return name
	})
}

func (s *space) configMap(ctx context.Context, spec runtime.Spec, c *unstructured.Unstructured) (string, error) {
	sum, err := sumOf([]any{spec.Service, c.Object["data"], c.Object["binaryData"]})
	if err != nil {
		return "", err
	}
	o := prepared(spec, c, sum)
	o.SetName(short(c.GetName(), 240) + "-" + sum[:10])
	var made *unstructured.Unstructured
	err = s.try(ctx, "make ConfigMap "+o.GetName(), func(ctx context.Context) error {
		made, err = s.of(configMaps).Create(ctx, o, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			made, err = s.of(configMaps).Get(ctx, o.GetName(), metav1.GetOptions{})
		}
		return err
	})
	if err == nil && made.GetAnnotations()[annSum] != sum {
		err = fmt.Errorf("ConfigMap %s in %s is not goodstate's, and its name is needed: remove it", o.GetName(), s.name)
	}
	return o.GetName(), err
}

func (s *space) secret(ctx context.Context, spec runtime.Spec, c *unstructured.Unstructured) (string, error) {
	data, err := dataOf(c)
	if err != nil {
		return "", err
	}
	o := prepared(spec, c, "")
	delete(o.Object, "stringData")
	o.Object["data"] = data
	o.SetGenerateName(plain(spec.Service, 40) + "-" + short(c.GetName(), 180) + "-")
	found := ""
	err = s.try(ctx, "make Secret "+c.GetName(), func(ctx context.Context) error {
		selector := selectorOf(spec.Service, spec.Release) + "," + labelConfig + "=" + o.GetLabels()[labelConfig]
		all, err := s.of(secrets).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return err
		}
		for i := range all.Items {
			if reflect.DeepEqual(all.Items[i].Object["data"], o.Object["data"]) && all.Items[i].Object["immutable"] == true {
				found = all.Items[i].GetName()
				return nil
			}
		}
		made, err := s.of(secrets).Create(ctx, o, metav1.CreateOptions{})
		if err == nil {
			found = made.GetName()
		}
		return err
	})
	return found, err
}

// prepared is a ConfigMap or Secret as it is made for a release.
func prepared(spec runtime.Spec, c *unstructured.Unstructured, sum string) *unstructured.Unstructured {
	o := c.DeepCopy()
	unlabel(o)
	o.SetNamespace("")
	o.SetName("")
	labels := map[string]string{labelManaged: "goodstate", LabelService: Label(spec.Service), labelConfig: plain(c.GetName(), 50)}
	if c.GetKind() == "Secret" { // of one release; a ConfigMap may be of several
		labels[LabelRelease] = Short(spec.Release)
	}
	o.SetLabels(merge(o.GetLabels(), labels))
	if sum != "" {
		o.SetAnnotations(merge(o.GetAnnotations(), map[string]string{annSum: sum}))
	}
	o.Object["immutable"] = true
	return o
}

// dataOf is a Secret's data as the cluster keeps it.
func dataOf(c *unstructured.Unstructured) (map[string]any, error) {
	out := map[string]any{}
	data, _, err := unstructured.NestedStringMap(c.Object, "data")
	if err != nil {
		return nil, fmt.Errorf("secret %s: its data are no texts", c.GetName())
	}
	for key, value := range data {
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return nil, fmt.Errorf("secret %s: data.%s is not base64; write the text under stringData", c.GetName(), key)
		}
		out[key] = base64.StdEncoding.EncodeToString(raw)
	}
	plainData, _, err := unstructured.NestedStringMap(c.Object, "stringData")
	if err != nil {
		return nil, fmt.Errorf("secret %s: its stringData are no texts; put them in quotes", c.GetName())
	}
	for key, value := range plainData {
		out[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return out, nil
}

// own makes the workload an owner of the configuration that its pods refer to, so that both go together.
func (s *space) own(ctx context.Context, w *unstructured.Unstructured) error {
	names := map[schema.GroupVersionResource][]string{}
	m := Manifest{Workload: w.DeepCopy()}
	if err := m.refer(m.Workload, func(kind, name string) string {
		resource := configMaps
		if kind == "Secret" {
			resource = secrets
		}
		names[resource] = append(names[resource], name)
		return name
	}); err != nil {
		return err
	}
	owner := metav1.OwnerReference{APIVersion: w.GetAPIVersion(), Kind: w.GetKind(), Name: w.GetName(), UID: w.GetUID()}
	for resource, all := range names {
		for _, name := range all {
			if err := s.owned(ctx, resource, name, owner); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *space) owned(ctx context.Context, kind schema.GroupVersionResource, name string, owner metav1.OwnerReference) error {
	return s.try(ctx, "mark "+kind.Resource+" "+name, func(ctx context.Context) error {
		for {
			o, err := s.of(kind).Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return nil // the user's own, and it is missing: the pod's status says so
			}
			if err != nil || o.GetLabels()[labelManaged] != "goodstate" {
				return err
			}
			all := o.GetOwnerReferences()
			for _, have := range all {
				if have.UID == owner.UID {
					return nil
				}
			}
			o.SetOwnerReferences(append(all, owner))
			if _, err = s.of(kind).Update(ctx, o, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				return err
			}
		}
	})
}

func short(name string, most int) string { return name[:min(len(name), most)] }
