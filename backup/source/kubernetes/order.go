package kubernetes

import (
	"slices"
	"strings"
)

// first are kinds that others need, in the order in which they are made; last are those that must not be there while the others are made: a quota would count, a webhook refuse.
var (
	first = []string{
		definitions, namespaces, "priorityclasses.scheduling.k8s.io", "storageclasses.storage.k8s.io", "csidrivers.storage.k8s.io", "runtimeclasses.node.k8s.io",
		"volumesnapshotclasses.snapshot.storage.k8s.io", "ingressclasses.networking.k8s.io", "gatewayclasses.gateway.networking.k8s.io",
		"serviceaccounts", "clusterroles.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io", bindings, "rolebindings.rbac.authorization.k8s.io",
		"secrets", "configmaps", "limitranges", "persistentvolumes", "persistentvolumeclaims", "services", "networkpolicies.networking.k8s.io",
	}
	workloads = []string{
		"pods", "replicationcontrollers", "replicasets.apps", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch",
		"horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy", "ingresses.networking.k8s.io",
	}
	last = []string{
		"resourcequotas", "apiservices.apiregistration.k8s.io", "validatingadmissionpolicies.admissionregistration.k8s.io",
		"validatingadmissionpolicybindings.admissionregistration.k8s.io", "mutatingadmissionpolicies.admissionregistration.k8s.io",
		"mutatingadmissionpolicybindings.admissionregistration.k8s.io", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "validatingwebhookconfigurations.admissionregistration.k8s.io",
	}
)

// rank is the place of a kind in the order of restoring. Custom resources, which no list names, come between what they are made of and the workloads: operators
// that find them at their start do not make them again.
func rank(kind string) int {
	if at := slices.Index(first, kind); at >= 0 {
		return at
	}
	if at := slices.Index(workloads, kind); at >= 0 {
		return len(first) + 1 + at
	}
	if at := slices.Index(last, kind); at >= 0 {
		return len(first) + 1 + len(workloads) + at
	}
	return len(first)
}

// inOrder sorts entries in the order of restoring, and cuts them where one rank ends: what is in one part may be made at the same time.
func inOrder(all []Entry) [][]Entry {
	slices.SortStableFunc(all, func(a, b Entry) int {
		if d := rank(a.Kind) - rank(b.Kind); d != 0 {
			return d
		}
		return strings.Compare(a.String(), b.String())
	})
	var parts [][]Entry
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && rank(all[to].Kind) == rank(all[from].Kind) {
			to++
		}
		parts = append(parts, all[from:to])
		from = to
	}
	return parts
}
