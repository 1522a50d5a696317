package volume

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/core/kube"
)

// classes are the classes of snapshots that a cluster has.
type classes struct {
	single, group []snapshotClass
}

type snapshotClass struct {
	name, driver, policy string
	usual                bool // it is marked as the default
}

// groupVersions are those of group snapshots that may be served, the best first.
var groupVersions = []string{"v1", "v1beta2", "v1beta1"}

func groupKind(version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "groupsnapshot.storage.k8s.io", Version: version, Resource: resource}
}

// classes reads what the cluster offers. A cluster without snapshots offers nothing.
func (c *copying) classes(ctx context.Context) (k classes, err error) {
	if k.single, err = c.classesOf(ctx, classesKind); err != nil {
		return k, err
	}
	version, err := c.groupVersion(ctx)
	if err != nil || version == "" {
		return k, err
	}
	k.group, err = c.classesOf(ctx, groupKind(version, "volumegroupsnapshotclasses"))
	return k, err
}

func (c *copying) classesOf(ctx context.Context, kind schema.GroupVersionResource) (all []snapshotClass, err error) {
	found, err := c.list(ctx, kind, "", "")
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("classes of snapshots: %w", kube.Explain(err))
	}
	for i := range found {
		o := &found[i]
		s := snapshotClass{name: o.GetName(), driver: text(o, "driver"), policy: text(o, "deletionPolicy")}
		for key, v := range o.GetAnnotations() {
			s.usual = s.usual || strings.HasSuffix(key, "snapshot.storage.kubernetes.io/is-default-class") && v == "true"
		}
		all = append(all, s)
	}
	return all, nil
}

// groupVersion is the version in which the cluster serves group snapshots, or nothing where it does not.
func (c *copying) groupVersion(ctx context.Context) (string, error) {
	for _, v := range groupVersions {
		err := patiently(ctx, func() error {
			_, err := c.cluster.Objects.Resource(groupKind(v, "volumegroupsnapshotclasses")).List(ctx, metav1.ListOptions{Limit: 1})
			return err
		})
		if err == nil {
			return v, nil
		}
		if !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			return "", fmt.Errorf("group snapshots of the cluster: %w", kube.Explain(err))
		}
	}
	return "", nil
}

// choose picks the class for a driver: the one that the plan names, the default, or the only one. None at all is no error: the storage then makes no such snapshots.
func choose(kind, driver string, planned map[string]string, all []snapshotClass) (string, error) {
	fits := slices.DeleteFunc(slices.Clone(all), func(s snapshotClass) bool { return s.driver != driver })
	if want := planned[driver]; want != "" {
		at := slices.IndexFunc(all, func(s snapshotClass) bool { return s.name == want })
		switch {
		case at < 0:
			return "", fmt.Errorf("the plan wants %s %s, which the cluster does not have; it has %v", kind, want, names(all))
		case all[at].driver != driver:
			return "", fmt.Errorf("the plan wants %s %s for driver %s, but it is for driver %s", kind, want, driver, all[at].driver)
		}
		return want, nil
	}
	usual := slices.DeleteFunc(slices.Clone(fits), func(s snapshotClass) bool { return !s.usual })
	switch {
	case len(fits) == 0:
		return "", nil
	case len(usual) == 1:
		return usual[0].name, nil
	case len(fits) == 1:
		return fits[0].name, nil
	}
	return "", fmt.Errorf("driver %s has %d classes of kind %s, %v, and no single default; name one in the plan", driver, len(fits), kind, names(fits))
}

func names(all []snapshotClass) []string {
	set := map[string]bool{}
	for _, s := range all {
		set[s.name] = true
	}
	return slices.Sorted(maps.Keys(set))
}
