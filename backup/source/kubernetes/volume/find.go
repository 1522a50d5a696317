package volume

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
)

// claim is a claim that is copied, and how.
type claim struct {
	namespace, name string
	driver          string // of the storage; empty where it is none with drivers
	block           bool   // it has no files but is one large one
	size            string // that was asked for
	class           string // storage class
	snapshots       string // class of its snapshots; empty: it is copied file by file
	groups          string // class of group snapshots of its driver
	node            string // where a pod has it mounted, if one has
	here            bool   // it is a folder of a node, and nothing says of which
	users           []user
}

// user is a container that has a claim mounted.
type user struct {
	pod, container, path string
}

func (c *claim) String() string { return c.namespace + "/" + c.name }

// Scope says whose claims are meant.
type Scope struct {
	Namespaces []string // that are asked for one by one; none: the whole cluster is
	Takes      func(claim *unstructured.Unstructured) bool
}

// find lists the claims of a scope. What cannot be copied at all is a problem.
func (c *copying) find(ctx context.Context, in Scope) (found []*claim, problems []string, err error) {
	spaces := in.Namespaces
	if len(spaces) == 0 {
		spaces = []string{""}
	}
	var all []unstructured.Unstructured
	for _, ns := range spaces {
		some, err := c.list(ctx, claimsKind, ns, "")
		if err != nil {
			return nil, nil, fmt.Errorf("list claims: %w", kube.Explain(err))
		}
		all = append(all, some...)
	}
	k, err := c.classes(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		o := &all[i]
		if !in.Takes(o) || Mine(o) || o.GetDeletionTimestamp() != nil || c.excluded(o) {
			continue
		}
		if text(o, "status", "phase") != "Bound" {
			problems = append(problems, fmt.Sprintf("volume of claim %s/%s: it has none, it is %s", o.GetNamespace(), o.GetName(), text(o, "status", "phase")))
			continue
		}
		cl, err := c.describe(ctx, o, k)
		if err != nil {
			problems = append(problems, fmt.Sprintf("volume of claim %s/%s: %v", o.GetNamespace(), o.GetName(), err))
			continue
		}
		found = append(found, cl)
	}
	return found, problems, c.mounted(ctx, found)
}

func (c *copying) excluded(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(c.opt.Exclude, func(p string) bool {
		name := o.GetName()
		if strings.Contains(p, "/") {
			name = o.GetNamespace() + "/" + name
		}
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

func (c *copying) describe(ctx context.Context, o *unstructured.Unstructured, k classes) (*claim, error) {
	pv, err := c.get(ctx, volumesKind, "", text(o, "spec", "volumeName"))
	if err != nil {
		return nil, kube.Explain(err)
	}
	cl := &claim{namespace: o.GetNamespace(), name: o.GetName(), driver: text(pv, "spec", "csi", "driver"), class: text(o, "spec", "storageClassName")}
	cl.block = text(o, "spec", "volumeMode") == "Block"
	cl.size = text(pv, "spec", "capacity", "storage")
	_, folder, _ := unstructured.NestedMap(pv.Object, "spec", "hostPath")
	_, bound, _ := unstructured.NestedMap(pv.Object, "spec", "nodeAffinity")
	cl.here = folder && !bound
	if cl.driver != "" {
		if cl.snapshots, err = choose("VolumeSnapshotClass", cl.driver, c.opt.Classes, k.single); err != nil {
			return nil, err
		}
		if cl.groups, err = choose("VolumeGroupSnapshotClass", cl.driver, c.opt.GroupClasses, k.group); err != nil {
			return nil, err
		}
	}
	switch {
	case cl.snapshots == "" && c.opt.Data == Snapshots:
		return nil, errors.New("its storage makes no snapshots; data: repository copies it file by file")
	case cl.block && c.opt.Data.moves():
		return nil, errors.New("it is a raw block device, which is not copied into the repository; data: snapshots keeps it in the storage")
	}
	return cl, nil
}

// mounted finds who uses the claims.
func (c *copying) mounted(ctx context.Context, found []*claim) error {
	for _, ns := range namespacesOf(found) {
		pods, err := c.list(ctx, podsKind, ns, "")
		if err != nil {
			return fmt.Errorf("pods of namespace %s: %w", ns, kube.Explain(err))
		}
		for i := range pods {
			if text(&pods[i], "status", "phase") == "Running" && !Mine(&pods[i]) {
				uses(&pods[i], found)
			}
		}
	}
	return nil
}

func namespacesOf(all []*claim) []string {
	var names []string
	for _, cl := range all {
		names = append(names, cl.namespace)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// uses notes which claims a pod has, on which node and where.
func uses(pod *unstructured.Unstructured, found []*claim) {
	volumes, _, _ := unstructured.NestedSlice(pod.Object, "spec", "volumes")
	for _, v := range volumes {
		volume, _ := v.(map[string]any)
		name, _, _ := unstructured.NestedString(volume, "persistentVolumeClaim", "claimName")
		at := slices.IndexFunc(found, func(cl *claim) bool { return cl.namespace == pod.GetNamespace() && cl.name == name })
		if name == "" || at < 0 {
			continue
		}
		found[at].node = text(pod, "spec", "nodeName")
		containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
		for _, c := range containers {
			container, _ := c.(map[string]any)
			mounts, _, _ := unstructured.NestedSlice(container, "volumeMounts")
			for _, m := range mounts {
				mount, _ := m.(map[string]any)
				if mount["name"] != volume["name"] || mount["subPath"] != nil {
					continue
				}
				inside, _ := container["name"].(string)
				dir, _ := mount["mountPath"].(string)
				found[at].users = append(found[at].users, user{pod.GetName(), inside, dir})
			}
		}
	}
}
