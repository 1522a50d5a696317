package kubernetes

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leaveOut says why an object of a restore point is not made again, or nothing. Has tells which objects the restore point has, by kind, namespace and name.
func leaveOut(kind string, o *unstructured.Unstructured, has func(kind, namespace, name string) bool) string {
	if o.GetDeletionTimestamp() != nil {
		return "it was being deleted when the copy was made"
	}
	if owner := metav1.GetControllerOf(o); owner != nil {
		maker := makers[owner.Kind]
		if maker != "" && has(maker, o.GetNamespace(), owner.Name) {
			return fmt.Sprintf("%s %s makes it", owner.Kind, owner.Name)
		}
	}
	switch kind {
	case "configmaps":
		if o.GetName() == "kube-root-ca.crt" {
			return "the cluster makes it"
		}
	case "apiservices.apiregistration.k8s.io":
		if _, ok, _ := unstructured.NestedMap(o.Object, "spec", "service"); !ok {
			return "the cluster makes it"
		}
	case "jobs.batch":
		if ended(o) {
			return "it had ended; made again it would run again"
		}
	case "pods":
		if phase, _, _ := unstructured.NestedString(o.Object, "status", "phase"); phase == "Succeeded" || phase == "Failed" {
			return "it had ended; made again it would run again"
		}
		if o.GetAnnotations()["kubernetes.io/config.mirror"] != "" {
			return "a node makes it"
		}
	case "persistentvolumes":
		if o.GetAnnotations()["pv.kubernetes.io/provisioned-by"] != "" {
			return "the storage driver makes one for its claim"
		}
	case "volumesnapshots.snapshot.storage.k8s.io", "volumegroupsnapshots.groupsnapshot.storage.k8s.io":
		return "it is a snapshot of a moment that is past; made again it would be one of now"
	case "volumesnapshotcontents.snapshot.storage.k8s.io", "volumegroupsnapshotcontents.groupsnapshot.storage.k8s.io":
		return "it names a snapshot in the storage, which belongs to the cluster that made it"
	}
	return ""
}

// makers are kinds whose controllers make objects of others anew, by the kind in an owner reference.
var makers = map[string]string{
	"ReplicaSet": "replicasets.apps", "Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps", "DaemonSet": "daemonsets.apps",
	"Job": "jobs.batch", "CronJob": "cronjobs.batch", "ReplicationController": "replicationcontrollers",
}

// ended says whether a Job has run to its end, good or bad.
func ended(o *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return (condition["type"] == "Complete" || condition["type"] == "Failed") && condition["status"] == "True"
	})
}
