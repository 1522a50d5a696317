package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/core/kube"
)

// Tame changes objects for a drill: nothing cluster-wide, no way in from outside, no schedule that starts, and few replicas.
func Tame(replicas int) func(kind string, o *unstructured.Unstructured) string {
	return func(kind string, o *unstructured.Unstructured) string {
		switch {
		case kind == namespaces:
			return "the drill has made it"
		case o.GetNamespace() == "":
			return "a drill changes nothing outside of its namespaces"
		case slices.Contains(entrances, kind):
			return "a drill lets nobody in from outside"
		case strings.HasSuffix(kind, ".backup.goodstate.dev"):
			return "a drill makes no plans for backups"
		}
		o.SetFinalizers(nil) // nobody who keeps the original in order has to be told when a drill's copy goes
		switch kind {
		case "services":
			nested(o.Object, closeService, "spec")
		case "cronjobs.batch":
			_ = unstructured.SetNestedField(o.Object, true, "spec", "suspend") // spec is an object
		case "horizontalpodautoscalers.autoscaling":
			return "a drill has few replicas"
		}
		if n, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); ok && n > int64(replicas) && podSpec(o) != nil {
			_ = unstructured.SetNestedField(o.Object, int64(replicas), "spec", "replicas") // spec is an object
		}
		return ""
	}
}

// entrances bring traffic from outside.
var entrances = []string{"ingresses.networking.k8s.io", "gateways.gateway.networking.k8s.io", "httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io", "tlsroutes.gateway.networking.k8s.io"}

func closeService(spec map[string]any) {
	if spec["type"] != "LoadBalancer" && spec["type"] != "NodePort" {
		return
	}
	spec["type"] = "ClusterIP"
	for _, field := range []string{"externalIPs", "externalTrafficPolicy", "loadBalancerIP", "loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts", "healthCheckNodePort"} {
		delete(spec, field)
	}
	everyMap(spec["ports"], func(port map[string]any) { delete(port, "nodePort") })
}

// workload kinds say in their status how many of their pods are ready.
var workloadKinds = []schema.GroupVersionResource{
	{Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "apps", Version: "v1", Resource: "statefulsets"}, {Group: "apps", Version: "v1", Resource: "daemonsets"},
}

// Ready waits until all workloads of the namespaces have the pods that they want, and names those that have not within the time.
func Ready(ctx context.Context, c *kube.Cluster, names map[string]string, within time.Duration) ([]string, error) {
	end := time.Now().Add(within)
	for {
		late, err := waiting(ctx, c, names)
		if err != nil && !kube.Passing(err) {
			return nil, fmt.Errorf("look whether workloads are ready: %w", kube.Explain(err))
		}
		if err == nil && len(late) == 0 || time.Now().After(end) {
			return late, err
		}
		select {
		case <-ctx.Done():
			return late, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func waiting(ctx context.Context, c *kube.Cluster, names map[string]string) (late []string, err error) {
	for _, ns := range names {
		for _, k := range workloadKinds {
			list, err := c.Objects.Resource(k).Namespace(ns).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				if why := notReady(k.Resource, &list.Items[i]); why != "" {
					late = append(late, fmt.Sprintf("%s %s/%s: %s", k.Resource, ns, list.Items[i].GetName(), why))
				}
			}
		}
	}
	return late, nil
}

// notReady says how many pods a workload lacks, from its status: spec.replicas or, of a DaemonSet, status.desiredNumberScheduled.
func notReady(kind string, o *unstructured.Unstructured) string {
	number := func(fields ...string) int64 {
		n, _, _ := unstructured.NestedInt64(o.Object, fields...)
		return n
	}
	want, ready := number("spec", "replicas"), number("status", "readyReplicas")
	if kind == "daemonsets" {
		want, ready = number("status", "desiredNumberScheduled"), number("status", "numberReady")
	}
	if seen := number("status", "observedGeneration"); seen < o.GetGeneration() {
		return "its controller has not seen it yet"
	}
	if ready < want {
		return fmt.Sprintf("%d of %d pods are ready", ready, want)
	}
	return ""
}
