package kubernetes

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
)

// Clean takes out what the cluster itself writes into an object: an object that is made anew gets its own. What stays is what somebody wanted.
func Clean(kind string, o *unstructured.Unstructured) {
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(o.Object, "status")
	held := slices.DeleteFunc(o.GetFinalizers(), func(f string) bool { return slices.Contains(ownFinalizers, f) })
	if len(held) == 0 {
		held = nil // no list and an empty one mean the same and must compare as equal
	}
	o.SetFinalizers(held)
	dropAnnotations(o, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation", "autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics")
	if clean, ok := cleaners[kind]; ok {
		clean(o)
	}
}

// ownFinalizers are set by the cluster itself.
var ownFinalizers = []string{"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "foregroundDeletion", "orphan", "kubernetes.io/pv-controller", "external-provisioner.volume.kubernetes.io/finalizer", "batch.kubernetes.io/job-tracking", "customresourcecleanup.apiextensions.k8s.io"}

var cleaners = map[string]func(*unstructured.Unstructured){
	namespaces:               func(o *unstructured.Unstructured) { drop(o, "spec", "finalizers") },
	"pods":                   cleanPod,
	"jobs.batch":             cleanJob,
	"services":               cleanService,
	"persistentvolumeclaims": cleanClaim,
	"persistentvolumes": func(o *unstructured.Unstructured) {
		drop(o, "spec", "claimRef", "uid")
		drop(o, "spec", "claimRef", "resourceVersion")
	},
	"secrets":          cleanToken,
	"serviceaccounts":  func(o *unstructured.Unstructured) { drop(o, "secrets") },
	"deployments.apps": func(o *unstructured.Unstructured) { cleanTemplate(o, "spec", "template") },
	"statefulsets.apps": func(o *unstructured.Unstructured) {
		cleanTemplate(o, "spec", "template")
		cleanTemplates(o)
	},
	"daemonsets.apps":  func(o *unstructured.Unstructured) { cleanTemplate(o, "spec", "template") },
	"replicasets.apps": func(o *unstructured.Unstructured) { cleanTemplate(o, "spec", "template") },
	"cronjobs.batch":   func(o *unstructured.Unstructured) { cleanTemplate(o, "spec", "jobTemplate", "spec", "template") },
}

func drop(o *unstructured.Unstructured, fields ...string) {
	unstructured.RemoveNestedField(o.Object, fields...)
}

func dropAnnotations(o *unstructured.Unstructured, names ...string) {
	all := o.GetAnnotations()
	for _, name := range names {
		delete(all, name)
	}
	if len(all) == 0 {
		all = nil
	}
	o.SetAnnotations(all)
}

// cleanTemplate takes out the empty time that servers write into templates.
func cleanTemplate(o *unstructured.Unstructured, fields ...string) {
	drop(o, append(slices.Clone(fields), "metadata", "creationTimestamp")...)
}

// cleanTemplates does it for the claims of a StatefulSet, which also have an empty status.
func cleanTemplates(o *unstructured.Unstructured) {
	claims, ok, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	if !ok {
		return
	}
	for _, c := range claims {
		if claim, ok := c.(map[string]any); ok {
			unstructured.RemoveNestedField(claim, "metadata", "creationTimestamp")
			unstructured.RemoveNestedField(claim, "status")
		}
	}
	_ = unstructured.SetNestedSlice(o.Object, claims, "spec", "volumeClaimTemplates") // it was a slice
}

// cleanPod takes out where the pod ran and the token that it was given there.
func cleanPod(o *unstructured.Unstructured) {
	drop(o, "spec", "nodeName")
	drop(o, "spec", "serviceAccount") // the old name of serviceAccountName
	drop(o, "spec", "ephemeralContainers")
	token := func(v any) bool {
		named, _ := v.(map[string]any)
		name, _ := named["name"].(string)
		return strings.HasPrefix(name, "kube-api-access-")
	}
	within(o.Object, token, "spec", "volumes")
	for _, list := range []string{"containers", "initContainers"} {
		all, _, _ := unstructured.NestedSlice(o.Object, "spec", list)
		for _, c := range all {
			if container, ok := c.(map[string]any); ok {
				within(container, token, "volumeMounts")
			}
		}
		if all != nil {
			_ = unstructured.SetNestedSlice(o.Object, all, "spec", list) // it was a slice
		}
	}
}

// within removes entries of a list.
func within(object map[string]any, out func(any) bool, fields ...string) {
	list, ok, _ := unstructured.NestedSlice(object, fields...)
	if !ok {
		return
	}
	if list = slices.DeleteFunc(list, out); len(list) == 0 {
		unstructured.RemoveNestedField(object, fields...)
		return
	}
	_ = unstructured.SetNestedSlice(object, list, fields...) // it was a slice
}

// cleanJob takes out the selector that the cluster made of the Job's own uid.
func cleanJob(o *unstructured.Unstructured) {
	cleanTemplate(o, "spec", "template")
	if manual, _, _ := unstructured.NestedBool(o.Object, "spec", "manualSelector"); manual {
		return
	}
	drop(o, "spec", "selector")
	for _, at := range [][]string{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
		for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"} {
			drop(o, append(slices.Clone(at), label)...)
		}
		if left, ok, _ := unstructured.NestedMap(o.Object, at...); ok && len(left) == 0 {
			drop(o, at...)
		}
	}
}

// cleanService takes out the addresses that the cluster chose. A headless service keeps its None.
func cleanService(o *unstructured.Unstructured) {
	if ip, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); ip != "None" {
		drop(o, "spec", "clusterIP")
		drop(o, "spec", "clusterIPs")
	}
	drop(o, "spec", "healthCheckNodePort")
}

// cleanClaim lets a claim whose volume was made for it get a new one. A claim on a volume that somebody made by hand keeps it. What its data was made of once is not needed
// again, and may be gone.
func cleanClaim(o *unstructured.Unstructured) {
	volume.Unmark(o)
	drop(o, "spec", "dataSource")
	drop(o, "spec", "dataSourceRef")
	all := o.GetAnnotations()
	made := all["volume.kubernetes.io/storage-provisioner"] != "" || all["volume.beta.kubernetes.io/storage-provisioner"] != ""
	if made {
		drop(o, "spec", "volumeName")
	}
	dropAnnotations(o, "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node")
}

// cleanToken empties a token of a service account: it is of no use with the account's new uid, and the cluster makes a new one.
func cleanToken(o *unstructured.Unstructured) {
	if kind, _, _ := unstructured.NestedString(o.Object, "type"); kind == "kubernetes.io/service-account-token" {
		drop(o, "data")
		dropAnnotations(o, "kubernetes.io/service-account.uid")
	}
}
