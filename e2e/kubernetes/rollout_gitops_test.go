package kubernetes

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"goodstate.dev/goodstate/rollout"
)

// The objects by which Argo CD and Flux are told what to do, with what of them goodstate reads and writes.
const syncKinds = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Application, plural: applications}
  versions: [{name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kustomizations.kustomize.toolkit.fluxcd.io}
spec:
  group: kustomize.toolkit.fluxcd.io
  scope: Namespaced
  names: {kind: Kustomization, plural: kustomizations}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {suspend: {type: boolean}}}}}}}]
`

func TestASyncIsPausedForARolloutAndForAHeldRelease(t *testing.T) {
	c := start(t, "node")
	images := c.shopImages()
	c.apply(syncKinds)
	c.kubectl("wait", "--for=condition=Established", "crd/applications.argoproj.io", "crd/kustomizations.kustomize.toolkit.fluxcd.io")
	for _, kind := range []struct{ name, object, key, path string }{
		{"argocd", "apiVersion: argoproj.io/v1alpha1\nkind: Application", "argocd", `{.metadata.annotations.argocd\.argoproj\.io/skip-reconcile}`},
		{"flux", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization", "kustomization", "{.spec.suspend}"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			s := newShop(t, c, images, "sync-"+kind.name, "canary: {steps: [50%], hold: 2s}", "")
			s.apply(kind.object + fmt.Sprintf("\nmetadata: {name: shop, namespace: %s}\nspec: {}\n", s.namespace))
			text, err := os.ReadFile(s.file)
			s.must(err)
			s.must(os.WriteFile(s.file, []byte(strings.Replace(string(text), "manifest: shop.yaml", fmt.Sprintf("manifest: shop.yaml, gitops: {%s: shop, namespace: %s}", kind.key, s.namespace), 1)), 0o600))
			get := func(path string) string {
				return s.kubectl("-n", s.namespace, "get", strings.ToLower(strings.TrimSpace(kind.object[strings.LastIndex(kind.object, " "):])), "shop", "-o", "jsonpath="+path)
			}
			held := `{.metadata.annotations.goodstate\.dev/held}`
			s.promotes("v1")
			if paused := get(kind.path); paused == "true" {
				t.Error("the sync is paused after a good release")
			}
			s.must(os.Remove(s.dir + "/points"))
			s.deploy("v2", "after pause-sync") // killed: the next controller goes on
			if paused := get(kind.path); paused != "true" {
				t.Error("the sync is not paused while a release is under way")
			}
			leave := s.visitors()
			res := s.deploy("v2", "")
			leave()
			if res.Outcome != rollout.RolledBack || get(kind.path) != "true" || !strings.HasPrefix(get(held), "v2: ") {
				t.Fatalf("v2: %s: paused %q, held %q", res.Outcome, get(kind.path), get(held))
			}
			marked := s.kubectl("-n", s.namespace, "get", "deployments", "-o", `jsonpath={.items[*].metadata.annotations.goodstate\.dev/held}`)
			if !strings.HasPrefix(marked, "v2: ") {
				t.Errorf("the held release's Deployment says %q", marked)
			}
			if out, code := s.goodstate("unhold", "web", "v2"); code != 0 || get(kind.path) == "true" || get(held) != "" {
				t.Errorf("unhold ended with %d, paused %q, held %q:\n%s", code, get(kind.path), get(held), out)
			}
			s.kubectl("-n", s.namespace, "patch", strings.ToLower(strings.TrimSpace(kind.object[strings.LastIndex(kind.object, " "):])), "shop", "--type=merge", "-p",
				`{"metadata":{"annotations":{"argocd.argoproj.io/skip-reconcile":"true"}},"spec":{"suspend":true}}`)
			s.promotes("v4")
			if get(kind.path) != "true" {
				t.Error("what a person had paused was resumed")
			}
		})
	}
}
