// Package kubernetes copies the objects of a cluster into a repository and brings them back, also under other names and into another cluster. Every object is a file of
// its own, so that a restore point can be looked at with any tool that reads the repository's format.
package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"goodstate.dev/goodstate/core/kube"
)

// Kind is a kind of objects as the cluster serves it.
type Kind struct {
	schema.GroupVersionResource
	Kind       string // as manifests name it
	Namespaced bool
}

// Name is the kind as kubectl names it: deployments.apps, or pods of the core group.
func (k Kind) Name() string { return k.GroupResource().String() }

// passing are kinds that say how things are at the moment, or that the cluster makes by itself from other objects. They are not copied.
var passing = []string{
	"events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io", "leasecandidates.coordination.k8s.io",
	"componentstatuses", "nodes", "csinodes.storage.k8s.io", "csistoragecapacities.storage.k8s.io", "volumeattachments.storage.k8s.io",
	"certificatesigningrequests.certificates.k8s.io", "nodes.metrics.k8s.io", "pods.metrics.k8s.io", "storageversions.internal.apiserver.k8s.io",
	"podtemplates", "ipaddresses.networking.k8s.io", "servicecidrs.networking.k8s.io", "controllerrevisions.apps", "flowschemas.flowcontrol.apiserver.k8s.io",
	"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "bindings",
	"backups.backup.goodstate.dev", "restores.backup.goodstate.dev", "drills.backup.goodstate.dev", // work that was done, and would be done again
}

// Kinds asks the cluster what it serves, each kind once in the version that the cluster prefers. A part of the API that does not answer (the service of an APIService
// is down) is returned as a problem, the rest all the same.
func Kinds(c *kube.Cluster) (kinds []Kind, problems []string, err error) {
	lists, err := discovery.ServerPreferredResources(c.Discovery)
	if err != nil && len(lists) == 0 {
		return nil, nil, fmt.Errorf("what kinds the cluster has: %w", kube.Explain(err))
	}
	if failed, ok := discovery.GroupDiscoveryFailedErrorGroups(err); ok {
		for group, why := range failed {
			problems = append(problems, fmt.Sprintf("kinds of %s: %v", group, why))
		}
		slices.Sort(problems)
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, nil, fmt.Errorf("what kinds the cluster has: %w", err)
		}
		for _, r := range list.APIResources {
			if k, ok := kindOf(gv, r); ok {
				kinds = append(kinds, k)
			}
		}
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return strings.Compare(a.Name(), b.Name()) })
	return slices.CompactFunc(kinds, func(a, b Kind) bool { return a.Name() == b.Name() }), problems, nil
}

// kindOf takes what can be listed and made again.
func kindOf(gv schema.GroupVersion, r metav1.APIResource) (Kind, bool) {
	if strings.Contains(r.Name, "/") || !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "create") {
		return Kind{}, false
	}
	k := Kind{gv.WithResource(r.Name), r.Kind, r.Namespaced}
	return k, !slices.Contains(passing, k.Name())
}

// find looks for the kind of a manifest, in whatever version the cluster has it.
func find(kinds []Kind, gk schema.GroupKind) (Kind, bool) {
	at := slices.IndexFunc(kinds, func(k Kind) bool { return k.Group == gk.Group && k.Kind == gk.Kind })
	if at < 0 {
		return Kind{}, false
	}
	return kinds[at], true
}

// definitionsKind is served by every cluster.
var definitionsKind = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
