package kubernetes

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

// through gives the project other traffic than goodstate's proxy.
func (s *shopSite) through(traffic string) {
	s.t.Helper()
	text, err := os.ReadFile(s.file)
	s.must(err)
	own := fmt.Sprintf("traffic: {listen: %q, sticky: none}", s.listen)
	if !strings.Contains(string(text), own) {
		s.t.Fatalf("the configuration has no %q:\n%s", own, text)
	}
	s.must(os.WriteFile(s.file, []byte(strings.Replace(string(text), own, "unknown: wait\n    traffic: {"+traffic+"}", 1)), 0o600))
}

const shopService = `
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: %s}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
`

// endpoints are the versions of the pods behind a Service, one word a pod.
func (s *shopSite) endpoints(service string) string {
	s.t.Helper()
	names := strings.Fields(s.kubectl("-n", s.namespace, "get", "endpointslices", "-l", "kubernetes.io/service-name="+service, "-o", `jsonpath={range .items[*].endpoints[*]}{.targetRef.name}{"\n"}{end}`))
	var versions []string
	for _, name := range names {
		out, err := s.try("", "-n", s.namespace, "get", "pod", name, "-o", `jsonpath={.metadata.annotations.goodstate\.dev/version}`)
		if err == nil {
			versions = append(versions, out)
		}
	}
	return strings.Join(versions, " ")
}

// front stands for what carries traffic in a cluster, and does as the API says: it takes the route's backends by their weights, or the Service alone, and of those a
// pod that is among the endpoints. It returns its address.
func (s *shopSite) front() string {
	s.t.Helper()
	k := s.connect()
	of := func(group, version, resource string) dynamic.ResourceInterface {
		return k.Objects.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: resource}).Namespace(s.namespace)
	}
	pick := func(r *http.Request) string {
		service := "shop"
		if o, err := of("gateway.networking.k8s.io", "v1", "httproutes").Get(r.Context(), "shop", metav1.GetOptions{}); err == nil {
			rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
			at := rand.IntN(10_000)
			for _, b := range rules[1].(map[string]any)["backendRefs"].([]any) {
				ref := b.(map[string]any)
				weight, _ := ref["weight"].(int64)
				if service = ref["name"].(string); at < int(weight) {
					break
				}
				at -= int(weight)
			}
		}
		list, err := of("discovery.k8s.io", "v1", "endpointslices").List(r.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + service})
		if err != nil {
			return ""
		}
		var all []string
		for i := range list.Items {
			endpoints, _, _ := unstructured.NestedSlice(list.Items[i].Object, "endpoints")
			for _, e := range endpoints {
				if ready, _, _ := unstructured.NestedBool(e.(map[string]any), "conditions", "ready"); ready {
					addresses, _, _ := unstructured.NestedStringSlice(e.(map[string]any), "addresses")
					all = append(all, addresses...)
				}
			}
		}
		if len(all) == 0 {
			return ""
		}
		return all[rand.IntN(len(all))]
	}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: pick(r.In) + ":8080"})
	}, ErrorLog: log.New(io.Discard, "", 0)})
	s.t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s.address
}

func TestTheClustersOwnRoutingIsMoved(t *testing.T) {
	c := start(t, "node")
	images := c.shopImages()

	t.Run("a Service's selector follows the release, and a share is so many pods", func(t *testing.T) {
		s := newShop(t, c, images, "selector", "canary: {steps: [50%], hold: 3s}", "")
		s.apply(fmt.Sprintf(shopService, s.namespace))
		s.through(fmt.Sprintf("service: {name: shop, namespace: %s, kubeconfig: %q, url: 'http://%s'}", s.namespace, s.kubeconfig(), s.front()))
		s.bare()
		s.promotes("v1")
		if at := s.endpoints("shop"); at != "v1 v1" {
			t.Errorf("behind the Service are %q", at)
		}
		wait := s.deploying("v4", "")
		real.Eventually(t, 2*time.Minute, "both releases share the Service", func() bool {
			at := s.endpoints("shop")
			return strings.Contains(at, "v1") && strings.Contains(at, "v4")
		})
		if res := wait(); res.Outcome != rollout.Promoted {
			t.Fatalf("v4: %s: %s %v\n%s", res.Outcome, res.Why, res.Findings, s.story())
		}
		if at := s.endpoints("shop"); at != "v4 v4" {
			t.Errorf("behind the Service are %q", at)
		}
		if out, code := s.goodstate("rollback", "web", "-m", "back"); code != 4 {
			t.Fatalf("rollback ended with %d:\n%s\n%s", code, out, s.story())
		}
		if at := s.endpoints("shop"); at != "v1 v1" {
			t.Errorf("behind the Service are %q", at)
		}
	})
	t.Run("what Flagger or Argo Rollouts moves is left alone", func(t *testing.T) {
		s := newShop(t, c, images, "foreign", canary, "")
		s.apply(strings.Replace(fmt.Sprintf(shopService, s.namespace), "{app: shop}", "{app: shop, rollouts-pod-template-hash: abc}", 1))
		s.through(fmt.Sprintf("service: {name: shop, namespace: %s, kubeconfig: %q, url: 'http://%s'}", s.namespace, s.kubeconfig(), s.front()))
		s.bare()
		res := s.deploy("v1", "")
		if !strings.Contains(res.Why, "moved by Argo Rollouts") {
			t.Errorf("%s: %s", res.Outcome, res.Why)
		}
		if selector := s.kubectl("-n", s.namespace, "get", "service", "shop", "-o", "jsonpath={.spec.selector}"); strings.Contains(selector, "goodstate") {
			t.Errorf("its selector was changed: %s", selector)
		}
		if out, code := s.goodstate("doctor"); code == 0 || !strings.Contains(out, "moved by Argo Rollouts") {
			t.Errorf("doctor ended with %d:\n%s", code, out)
		}
	})
	t.Run("an HTTPRoute's weights follow the release", func(t *testing.T) {
		s := newShop(t, c, images, "gateway", "canary: {steps: [20%], hold: 4s}", "")
		s.kubectl("apply", "--server-side", "-f", filepath.Join(strings.TrimSpace(s.run(exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api"))), "config", "crd", "standard", "gateway.networking.k8s.io_httproutes.yaml"))
		s.kubectl("wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io")
		s.apply(fmt.Sprintf(shopService, s.namespace) + fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: %s}
spec:
  parentRefs: [{name: public}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /static}}]
    backendRefs: [{name: files, port: 80}]
  - backendRefs: [{name: shop, port: 80}]
`, s.namespace))
		s.through(fmt.Sprintf("gatewayapi: {route: shop, service: shop, namespace: %s, kubeconfig: %q, url: 'http://%s'}", s.namespace, s.kubeconfig(), s.front()))
		s.bare()
		s.promotes("v1")
		wait := s.deploying("v4", "")
		weights := func() string {
			return s.kubectl("-n", s.namespace, "get", "httproute", "shop", "-o", "jsonpath={.spec.rules[1].backendRefs[*].weight}")
		}
		real.Eventually(t, 2*time.Minute, "a fifth of the traffic is on the new release", func() bool { return weights() == "8000 2000" })
		for _, name := range strings.Fields(s.kubectl("-n", s.namespace, "get", "httproute", "shop", "-o", "jsonpath={.spec.rules[1].backendRefs[*].name}")) {
			real.Eventually(t, time.Minute, name+" has pods of one release", func() bool {
				at := strings.Fields(s.endpoints(name))
				return len(at) > 0 && strings.TrimSpace(strings.Repeat(at[0]+" ", len(at))) == strings.Join(at, " ")
			})
		}
		if res := wait(); res.Outcome != rollout.Promoted {
			t.Fatalf("v4: %s: %s %v\n%s", res.Outcome, res.Why, res.Findings, s.story())
		}
		if weights() != "10000" {
			t.Errorf("weights %s after the rollout", weights())
		}
		if files := s.kubectl("-n", s.namespace, "get", "httproute", "shop", "-o", "jsonpath={.spec.rules[0].backendRefs[*].name}"); files != "files" {
			t.Errorf("the other rule names %s", files)
		}
		if n := len(strings.Fields(s.kubectl("-n", s.namespace, "get", "services", "-o", "name"))); n != 2 {
			t.Errorf("%d Services, want the user's and that of the release", n)
		}
	})
}

// bare takes away what only a cluster that carries traffic could answer: the judge has checks of the pods instead.
func (s *shopSite) bare() {
	s.t.Helper()
	text, err := os.ReadFile(s.file)
	s.must(err)
	out := strings.Replace(string(text), `checks: {home: {http: {url: /, status: "200,500"}}}`, `checks: {home: {http: {url: /, status: "200"}, when: [start, stage]}}`, 1)
	s.must(os.WriteFile(s.file, []byte(out), 0o600))
}
