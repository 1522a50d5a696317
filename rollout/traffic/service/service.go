// Package service moves traffic by the selector of a Kubernetes Service that is there already: all of it at once from one release to another by one write, and a share
// of it by the number of pods that the Service may choose. It changes nothing of the Service but two keys of its selector, and of pods one label.
package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/traffic"
	"goodstate.dev/goodstate/rollout/traffic/cluster"
)

func init() {
	config.Register(config.Kind[traffic.Balancer]{
		Name:    "service",
		Help:    "selector of a Kubernetes Service: all traffic at once, or shares by the number of pods",
		Example: "service: {name: shop, namespace: shop, kubeconfig: /etc/goodstate/rollout.kubeconfig, url: 'http://shop.example.org'}",
		New: func(decode func(any) error) (traffic.Balancer, error) {
			c := &Config{}
			return c, decode(c)
		},
	})
}

// Config names the Service.
type Config struct {
	cluster.Config `yaml:",inline"`
	Name           string `yaml:"name" json:"name" required:"true" help:"Service that users come through; its selector gets the release" example:"shop"`
}

// inTraffic is the label of pods that a Service may choose while two releases share the traffic.
const inTraffic = "goodstate.dev/traffic"

var (
	services = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	pods     = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	slicesOf = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
)

// Look says whether the Service is there and nobody else moves it.
func (c *Config) Look(ctx context.Context) []good.Finding {
	s, err := c.Space()
	if err == nil {
		_, err = c.read(ctx, s)
	}
	return []good.Finding{cluster.Found("service "+c.Name, err, "Service "+c.Name+" in namespace "+c.Namespace+" can be moved")}
}

func (c *Config) read(ctx context.Context, s *cluster.Space) (*unstructured.Unstructured, error) {
	o, err := s.Of(services).Get(ctx, c.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", c.Name, kube.Explain(err))
	}
	if other := cluster.Foreign(o); other != "" {
		return nil, fmt.Errorf("service %s is moved by %s; name another Service, or take it out there", c.Name, other)
	}
	return o, nil
}

// Open makes the router.
func (c *Config) Open(o traffic.Opening) (traffic.OpenRouter, error) {
	m, err := cluster.Recall(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", c.Name, err)
	}
	return &router{Memory: m, conf: c}, nil
}

type router struct {
	*cluster.Memory
	conf *Config
	mu   sync.Mutex // one change at a time
}

// Close ends nothing: the cluster carries the traffic.
func (r *router) Close() error { return nil }

// Apply moves the selector. While releases share the traffic, the pods that are chosen get a label first; where one has all of it, the selector names the release.
func (r *router) Apply(ctx context.Context, route traffic.Route) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.Take(&route); err != nil {
		return err
	}
	s, err := r.conf.Space()
	if err != nil {
		return err
	}
	o, err := r.conf.read(ctx, s)
	if err != nil {
		return err
	}
	selector := map[string]any{kubernetes.LabelService: kubernetes.Label(route.Service), kubernetes.LabelRelease: nil, inTraffic: nil}
	only, chosen := share(route)
	if only != "" {
		selector[kubernetes.LabelRelease] = kubernetes.Short(only)
	} else {
		selector[inTraffic] = "on"
		if err := r.mark(ctx, s, route.Service, chosen, true); err != nil {
			return err
		}
	}
	if err := r.selects(ctx, s, o, selector); err != nil {
		return err
	}
	if only != "" {
		chosen = nil
	}
	return r.mark(ctx, s, route.Service, chosen, false)
}

func (r *router) selects(ctx context.Context, s *cluster.Space, o *unstructured.Unstructured, selector map[string]any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": o.GetResourceVersion()}, "spec": map[string]any{"selector": selector}})
	if err == nil {
		_, err = s.Of(services).Patch(ctx, r.conf.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		return fmt.Errorf("selector of service %s: %w", r.conf.Name, kube.Explain(err))
	}
	return nil
}

// mark gives the chosen pods the label, or takes it from all others.
func (r *router) mark(ctx context.Context, s *cluster.Space, service string, chosen []string, on bool) error {
	list, err := s.Of(pods).List(ctx, metav1.ListOptions{LabelSelector: kubernetes.LabelService + "=" + kubernetes.Label(service)})
	if err != nil {
		return fmt.Errorf("pods of %s: %w", service, kube.Explain(err))
	}
	for i := range list.Items {
		p := &list.Items[i]
		ip, _, _ := unstructured.NestedString(p.Object, "status", "podIP") // none yet is not chosen
		if slices.Contains(chosen, ip) != on || (p.GetLabels()[inTraffic] != "") == on {
			continue
		}
		value := "null"
		if on {
			value = `"on"`
		}
		patch := []byte(`{"metadata":{"labels":{"` + inTraffic + `":` + value + `}}}`)
		if _, err := s.Of(pods).Patch(ctx, p.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("label of pod %s: %w", p.GetName(), kube.Explain(err))
		}
	}
	return nil
}

// share says which release has all traffic; or else the addresses of the pods that share it, so many of each release that the share comes as near as it can to what is wanted.
func share(route traffic.Route) (only string, addresses []string) {
	up := map[string][]string{}
	for _, b := range route.Backends {
		if u, err := url.Parse(b.URL); err == nil {
			up[b.Release] = append(up[b.Release], u.Hostname())
		}
	}
	var named []string
	for release, weight := range route.Weights {
		if weight == traffic.Full {
			return release, nil
		}
		if weight > 0 {
			named = append(named, release)
		}
	}
	if len(named) != 2 {
		return "", nil
	}
	slices.Sort(named)
	a, b := up[named[0]], up[named[1]]
	best, x, y := 2.0, 0, 0
	wanted := float64(route.Weights[named[0]]) / traffic.Full
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			off := float64(i)/float64(i+j) - wanted
			if off = max(off, -off); off < best-1e-9 || off < best+1e-9 && i+j > x+y {
				best, x, y = off, i, j
			}
		}
	}
	return "", append(slices.Clone(a[:x]), b[:y]...)
}

// Remove forgets the route; the Service keeps its selector.
func (r *router) Remove(context.Context, string) error { return r.Take(nil) }

// Drain waits until no address of what is drained is among the Service's endpoints. How many requests are under way nobody knows: the pods end them after SIGTERM.
func (r *router) Drain(ctx context.Context, service, release, instance string) error {
	s, err := r.conf.Space()
	if err != nil {
		return err
	}
	selector := kubernetes.LabelService + "=" + kubernetes.Label(service) + "," + kubernetes.LabelRelease + "=" + kubernetes.Short(release)
	list, err := s.Of(pods).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("pods of %s: %w", service, kube.Explain(err))
	}
	var names []string
	for i := range list.Items {
		if n := list.Items[i].GetAnnotations()["goodstate.dev/instance"]; instance == "" || n != "" && hasSuffix(instance, "."+n) {
			names = append(names, list.Items[i].GetName())
		}
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := r.endpoints(ctx, s, names)
		if err != nil || left == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("service %s still sends requests to pod %s", r.conf.Name, left), ctx.Err())
		case <-tick.C:
		}
	}
}

func hasSuffix(s, end string) bool { return len(s) > len(end) && s[len(s)-len(end):] == end }

// endpoints names a pod of these that is still among the Service's endpoints.
func (r *router) endpoints(ctx context.Context, s *cluster.Space, names []string) (string, error) {
	list, err := s.Of(slicesOf).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + r.conf.Name})
	if err != nil {
		return "", fmt.Errorf("endpoints of service %s: %w", r.conf.Name, kube.Explain(err))
	}
	for i := range list.Items {
		all, _, _ := unstructured.NestedSlice(list.Items[i].Object, "endpoints") // none is none
		for _, e := range all {
			at, _ := e.(map[string]any)
			if name, _, _ := unstructured.NestedString(at, "targetRef", "name"); slices.Contains(names, name) {
				return name, nil
			}
		}
	}
	return "", nil
}

// Seconds are not known.
func (r *router) Seconds(context.Context, string, time.Time) ([]traffic.Second, error) {
	return nil, nil
}
