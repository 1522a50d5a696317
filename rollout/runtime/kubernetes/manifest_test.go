package kubernetes

import (
	"strings"
	"testing"

	"goodstate.dev/goodstate/rollout/runtime"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers: [{name: shop, image: "shop:1", ports: [{containerPort: 8080}], envFrom: [{configMapRef: {name: colors}}], env: [{name: PORT, value: "1"}]}]
      volumes: [{name: v, projected: {sources: [{secret: {name: keys}}]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: colors}
data: {tea: green}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {key: "1"}
`

func TestAManifestIsRefusedForWhatWouldNotGoBack(t *testing.T) {
	if _, err := ReadManifest(deployment, "shop"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, wanted string }{
		"nothing":                      {"", "no Deployment is in it"},
		"only comments":                {"# none\n---\n# none\n", "no Deployment is in it"},
		"no YAML":                      {"a: [", "document 1"},
		"a key twice":                  {"kind: A\nkind: B\n", "already set"},
		"two workloads":                {deployment + "---\n" + deployment, "there is Deployment shop already"},
		"a Service":                    {deployment + "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\n", "apply it yourself"},
		"another namespace":            {strings.Replace(deployment, "{name: colors}\ndata", "{name: colors, namespace: other}\ndata", 1), "is for namespace other"},
		"a ConfigMap of nobody":        {deployment + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n", "is used by no container"},
		"a ConfigMap twice":            {deployment + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: colors}\n", "is there twice"},
		"no containers":                {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {}}}\n", "has no containers"},
		"a Rollout of Argo Rollouts":   {"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\n", "Argo Rollouts"},
		"a Canary of Flagger":          {"apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: a}\n", "Flagger"},
		"a StatefulSet":                {"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\n", "write a Deployment"},
		"a spec that is a list":        {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: []\n", "has no containers"},
		"a template that is a text":    {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: x}\n", "has no containers"},
		"documents without an end":     {strings.Repeat("---\na: 1\n", 200), "document 1"},
		"a name that goodstate uses":   {deployment + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: goodstate-env}\n", "is taken"},
		"a ConfigMap without any name": {deployment + "---\napiVersion: v1\nkind: ConfigMap\n", "without a name"},
	} {
		if _, err := ReadManifest(c.text, "shop"); err == nil || !strings.Contains(err.Error(), c.wanted) {
			t.Errorf("%s: %v, want %q", name, err, c.wanted)
		}
	}
}

func TestPodsReferToTheReleasesOwnConfiguration(t *testing.T) {
	s := &space{namespace: "shop"}
	r, err := s.render(runtime.Spec{
		Service: "web", Release: "v1", Manifest: deployment, Env: map[string]string{"A": "b"}, Files: map[string]string{"x/y": "z"}, Memory: 64 << 20,
	}, map[string]string{"shop": "shop@sha256:abc"})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	if err := r.manifest.refer(r.manifest.Workload, func(kind, name string) string {
		seen = append(seen, kind+" "+name)
		return name + "-1"
	}); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"ConfigMap colors", "Secret keys", "Secret goodstate-env", "Secret goodstate-files"} {
		if !strings.Contains(strings.Join(seen, ","), wanted) {
			t.Errorf("%s is not referred to: %v", wanted, seen)
		}
	}
	w := r.workload(runtime.Spec{Service: "web", Release: "v1"})
	text, err := w.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{
		`"colors-1"`, `"keys-1"`, `"goodstate-env-1"`, `"shop@sha256:abc"`, `"memory":"67108864"`, `"name":"FILES","value":"/etc/goodstate"`, `"name":"PORT","value":"1"`,
		`"replicas":0`, `"path":"x/y"`,
	} {
		if !strings.Contains(string(text), wanted) {
			t.Errorf("%s is not in %s", wanted, text)
		}
	}
	if strings.Contains(string(text), `"value":"8080"`) {
		t.Error("the manifest's own PORT was taken over")
	}
}
