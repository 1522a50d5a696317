package kubernetes

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// object reads a manifest.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	json, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = o.UnmarshalJSON(json)
	}
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return o
}

func TestWhatOthersNeedComesFirstAndWhatRefusesComesLast(t *testing.T) {
	var all []Entry
	for _, kind := range []string{"validatingwebhookconfigurations.admissionregistration.k8s.io", "offers.shop.example", "deployments.apps", "secrets", namespaces, "resourcequotas", definitions, "serviceaccounts"} {
		all = append(all, Entry{Kind: kind, Name: "x"})
	}
	var got []string
	for _, part := range inOrder(all) {
		got = append(got, part[0].Kind)
	}
	want := []string{definitions, namespaces, "serviceaccounts", "secrets", "offers.shop.example", "deployments.apps", "resourcequotas", "validatingwebhookconfigurations.admissionregistration.k8s.io"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatTheClusterWroteIsTakenOut(t *testing.T) {
	for _, c := range []struct{ what, kind, from, to string }{
		{
			"uids, versions and the status", "configmaps",
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","uid":"1","resourceVersion":"2","generation":3,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"x":"y"}},"data":{"k":"v"},"status":{"a":1}}`,
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{"x":"y"}},"data":{"k":"v"}}`,
		},
		{
			"a service's address", "services",
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ports":[{"port":80}]}}`,
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80}]}}`,
		},
		{
			"but not that a service has none", "services",
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"clusterIP":"None","clusterIPs":["None"]}}`,
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"clusterIP":"None","clusterIPs":["None"]}}`,
		},
		{
			"the volume that was made for a claim", "persistentvolumeclaims",
			`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a","annotations":{"volume.kubernetes.io/storage-provisioner":"x","pv.kubernetes.io/bind-completed":"yes"},"finalizers":["kubernetes.io/pvc-protection","own/one"]},"spec":{"volumeName":"pvc-1","storageClassName":"fast"}}`,
			`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a","finalizers":["own/one"]},"spec":{"storageClassName":"fast"}}`,
		},
		{
			"but not the volume that somebody chose", "persistentvolumeclaims",
			`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a"},"spec":{"volumeName":"nfs-1"}}`,
			`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a"},"spec":{"volumeName":"nfs-1"}}`,
		},
		{
			"a Job's own selector", "jobs.batch",
			`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","labels":{"batch.kubernetes.io/controller-uid":"1","job-name":"a"}},"spec":{"selector":{"matchLabels":{"controller-uid":"1"}},"template":{"metadata":{"labels":{"controller-uid":"1","app":"a"}},"spec":{"containers":[]}}}}`,
			`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"spec":{"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[]}}}}`,
		},
		{
			"a pod's node and token", "pods",
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[{"name":"c","volumeMounts":[{"name":"kube-api-access-x","mountPath":"/t"},{"name":"d","mountPath":"/d"}]}],"volumes":[{"name":"kube-api-access-x"},{"name":"d"}]}}`,
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","volumeMounts":[{"name":"d","mountPath":"/d"}]}],"volumes":[{"name":"d"}]}}`,
		},
		{
			"the token of an account that has a new uid", "secrets",
			`{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"a","annotations":{"kubernetes.io/service-account.name":"b","kubernetes.io/service-account.uid":"1"}},"data":{"token":"eA=="}}`,
			`{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"a","annotations":{"kubernetes.io/service-account.name":"b"}}}`,
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			o := object(t, c.from)
			Clean(c.kind, o)
			got, err := json.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(object(t, c.to).Object)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestSomeObjectsAreNotMadeAgain(t *testing.T) {
	has := func(kind, ns, name string) bool { return kind == "replicasets.apps" && name == "web-1" }
	for _, c := range []struct{ what, kind, from, why string }{
		{"a pod of a ReplicaSet", "pods", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","ownerReferences":[{"kind":"ReplicaSet","name":"web-1","controller":true,"uid":"1","apiVersion":"apps/v1"}]}}`, "makes it"},
		{"but one whose owner is not in the copy is", "pods", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","ownerReferences":[{"kind":"ReplicaSet","name":"web-2","controller":true,"uid":"1","apiVersion":"apps/v1"}]}}`, ""},
		{"a Job that had ended", "jobs.batch", `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"status":{"conditions":[{"type":"Complete","status":"True"}]}}`, "run again"},
		{"but one that had not is", "jobs.batch", `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"status":{"conditions":[{"type":"Suspended","status":"True"}]}}`, ""},
		{"what was being deleted", "secrets", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}}`, "being deleted"},
		{"the cluster's own API", "apiservices.apiregistration.k8s.io", `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.apps"},"spec":{"group":"apps"}}`, "cluster makes it"},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := leaveOut(c.kind, object(t, c.from), has)
			if c.why == "" && got != "" || !strings.Contains(got, c.why) {
				t.Errorf("left out because %q, want %q", got, c.why)
			}
		})
	}
}

func TestADrillLetsNothingOutside(t *testing.T) {
	tame := Tame(1)
	service := object(t, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"n"},"spec":{"type":"LoadBalancer","externalIPs":["192.0.2.1"],"ports":[{"port":80,"nodePort":30080}]}}`)
	if why := tame("services", service); why != "" || service.Object["spec"].(map[string]any)["type"] != "ClusterIP" || strings.Contains(string(mustManifest(t, service)), "30080") || strings.Contains(string(mustManifest(t, service)), "192.0.2.1") {
		t.Errorf("%s %s", why, mustManifest(t, service))
	}
	for kind, text := range map[string]string{
		"ingresses.networking.k8s.io":            `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"a","namespace":"n"}}`,
		"clusterroles.rbac.authorization.k8s.io": `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"}}`,
		"horizontalpodautoscalers.autoscaling":   `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"a","namespace":"n"}}`,
		"httproutes.gateway.networking.k8s.io":   `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"a","namespace":"n"}}`,
	} {
		if tame(kind, object(t, text)) == "" {
			t.Errorf("%s is not left out", kind)
		}
	}
	cron := object(t, `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"a","namespace":"n"},"spec":{"suspend":false}}`)
	if tame("cronjobs.batch", cron); !strings.Contains(string(mustManifest(t, cron)), `"suspend": true`) {
		t.Error("a CronJob would start in a drill")
	}
	offer := object(t, `{"apiVersion":"shop.example/v1","kind":"Offer","metadata":{"name":"a","namespace":"n","finalizers":["shop.example/tell"]}}`)
	if tame("offers.shop.example", offer); len(offer.GetFinalizers()) > 0 {
		t.Error("a finalizer would hold the drill's namespace")
	}
	web := object(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"n"},"spec":{"replicas":30,"template":{"spec":{"containers":[]}}}}`)
	if tame("deployments.apps", web); !strings.Contains(string(mustManifest(t, web)), `"replicas": 1`) {
		t.Errorf("a drill starts %s", mustManifest(t, web))
	}
}

func mustManifest(t *testing.T, o *unstructured.Unstructured) []byte {
	t.Helper()
	text, err := manifest(o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNamesChangeWhereKubernetesKnowsThem(t *testing.T) {
	m := Mapping{Namespaces: map[string]string{"shop": "shop2"}, StorageClasses: map[string]string{"fast": "slow"}, Images: map[string]string{"a.example/": "b.example/", "a.example/web": "c.example/web"}}
	for _, c := range []struct{ kind, from, want string }{
		{"rolebindings.rbac.authorization.k8s.io", `{"apiVersion":"v1","kind":"RoleBinding","metadata":{"name":"a","namespace":"shop"},"subjects":[{"namespace":"shop"},{"namespace":"other"}]}`, `[{"namespace":"shop2"},{"namespace":"other"}]`},
		{"persistentvolumeclaims", `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a"},"spec":{"storageClassName":"fast"}}`, `{"storageClassName":"slow"}`},
		{"statefulsets.apps", `{"apiVersion":"v1","kind":"StatefulSet","metadata":{"name":"a"},"spec":{"volumeClaimTemplates":[{"spec":{"storageClassName":"fast"}}]}}`, `[{"spec":{"storageClassName":"slow"}}]`},
		{"cronjobs.batch", `{"apiVersion":"v1","kind":"CronJob","metadata":{"name":"a"},"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"image":"a.example/x:1"},{"image":"a.example/web:1"}]}}}}}}`, `[{"image":"b.example/x:1"},{"image":"c.example/web:1"}]`},
		{"validatingwebhookconfigurations.admissionregistration.k8s.io", `{"apiVersion":"v1","kind":"V","metadata":{"name":"a"},"webhooks":[{"clientConfig":{"service":{"namespace":"shop"}}}]}`, `{"namespace":"shop2"}`},
	} {
		o := object(t, c.from)
		m.Apply(c.kind, o)
		got, err := json.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(got), c.want) {
			t.Errorf("%s became %s, want %s in it", c.kind, got, c.want)
		}
	}
}

func TestADiffOfSecretsHasNoValues(t *testing.T) {
	a := object(t, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"same":"b25l","other":"dHdv","gone":"dGhyZWU="}}`)
	b := object(t, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"same":"b25l","other":"Zm91cg==","new":"Zml2ZQ=="}}`)
	got := Diff("secrets", a, b)
	for _, value := range []string{"b25l", "dHdv", "dGhyZWU=", "Zm91cg==", "Zml2ZQ=="} {
		if strings.Contains(got, value) {
			t.Errorf("%s is in the diff:\n%s", value, got)
		}
	}
	for _, name := range []string{"other", "gone", "new"} {
		if !strings.Contains(got, name) {
			t.Errorf("the diff does not say that %s is different:\n%s", name, got)
		}
	}
}

func TestAClaimThatTheClusterHoldsIsEqualToOneThatNobodyHolds(t *testing.T) {
	held := object(t, `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a","finalizers":["kubernetes.io/pvc-protection"]},"spec":{"volumeName":"pvc-1"}}`)
	free := object(t, `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a"},"spec":{}}`)
	if !Equal("persistentvolumeclaims", held, free) {
		t.Errorf("they differ:\n%s", Diff("persistentvolumeclaims", held, free))
	}
}
