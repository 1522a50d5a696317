// Package gatewayapi moves traffic by the weights of a Gateway API HTTPRoute that is there already (gateway.networking.k8s.io/v1). Each release gets a Service of its own, a copy
// of the one that the route names; of the route only the references to these Services change, and what else is in its rules stays.
package gatewayapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/traffic"
	"goodstate.dev/goodstate/rollout/traffic/cluster"
)

func init() {
	config.Register(config.Kind[traffic.Balancer]{
		Name:    "gatewayapi",
		Help:    "weights of a Gateway API HTTPRoute that is there already",
		Example: "gatewayapi: {route: shop, service: shop, namespace: shop, kubeconfig: /etc/goodstate/rollout.kubeconfig, url: 'https://shop.example.org'}",
		New: func(decode func(any) error) (traffic.Balancer, error) {
			c := &Config{}
			return c, decode(c)
		},
	})
}

// Config names the route and the Service in it.
type Config struct {
	cluster.Config `yaml:",inline"`
	Name           string `yaml:"route" json:"route" required:"true" help:"HTTPRoute that users come through" example:"shop"`
	Service        string `yaml:"service" json:"service" required:"true" help:"Service that the route's rules name; each release gets a copy of it, and rules that name it get the copies with their weights" example:"shop"`
}

var (
	routes   = schema.GroupVersionResource{Group: gateway.GroupName, Version: "v1", Resource: "httproutes"}
	services = schema.GroupVersionResource{Version: "v1", Resource: "services"}
)

// copyOf names on a release's Service which Service it is a copy of.
const copyOf = "goodstate.dev/copy-of"

const acceptedWithin = 5 * time.Second

// Look says whether the route is there and has a rule that can be moved.
func (c *Config) Look(ctx context.Context) []good.Finding {
	s, err := c.Space()
	said := ""
	if err == nil {
		var r *gateway.HTTPRoute
		if _, r, err = c.read(ctx, s); err == nil {
			said, err = c.rules(r)
		}
	}
	return []good.Finding{cluster.Found("httproute "+c.Name, err, said)}
}

func (c *Config) read(ctx context.Context, s *cluster.Space) (*unstructured.Unstructured, *gateway.HTTPRoute, error) {
	o, err := s.Of(routes).Get(ctx, c.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil, fmt.Errorf("there is no HTTPRoute %s in namespace %s, or the cluster has no Gateway API", c.Name, c.Namespace)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("httproute %s: %w", c.Name, kube.Explain(err))
	}
	if other := cluster.Foreign(o); other != "" {
		return nil, nil, fmt.Errorf("httproute %s is moved by %s; name another route, or take it out there", c.Name, other)
	}
	r := &gateway.HTTPRoute{}
	if err := kuberuntime.DefaultUnstructuredConverter.FromUnstructured(o.Object, r); err != nil {
		return nil, nil, fmt.Errorf("httproute %s: %w", c.Name, err)
	}
	return o, r, nil
}

// ours says whether a reference is to the service: to itself, or to a release's copy of it.
func (c *Config) ours(b gateway.HTTPBackendRef) bool {
	other := b.Kind != nil && *b.Kind != "Service" || b.Namespace != nil && string(*b.Namespace) != c.Namespace
	name := string(b.Name)
	return !other && (name == c.Service || len(name) == len(c.Service)+len("-0123456789") && name[:len(c.Service)+1] == c.Service+"-")
}

func (c *Config) rules(r *gateway.HTTPRoute) (string, error) {
	n := 0
	for _, rule := range r.Spec.Rules {
		if slices.ContainsFunc(rule.BackendRefs, c.ours) {
			n++
		}
	}
	if n == 0 {
		return "", fmt.Errorf("httproute %s: none of its %d rules names Service %s", c.Name, len(r.Spec.Rules), c.Service)
	}
	return fmt.Sprintf("HTTPRoute %s: %d of %d rules name Service %s", c.Name, n, len(r.Spec.Rules), c.Service), nil
}

// Open makes the router.
func (c *Config) Open(o traffic.Opening) (traffic.OpenRouter, error) {
	m, err := cluster.Recall(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("httproute %s: %w", c.Name, err)
	}
	return &router{Memory: m, conf: c}, nil
}

type router struct {
	*cluster.Memory
	conf *Config
	mu   sync.Mutex // one change at a time
}

// Close ends nothing: the gateway carries the traffic.
func (r *router) Close() error { return nil }

// Apply writes the weights, in one write. Services of releases are there before the route names them, and go after it does not.
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
	var refs []ref
	for release, weight := range route.Weights {
		name := r.conf.Service + "-" + kubernetes.Short(release)
		if weight == 0 && !slices.ContainsFunc(route.Backends, func(b traffic.Backend) bool { return b.Release == release }) {
			continue
		}
		if err := r.copy(ctx, s, name, route.Service, release); err != nil {
			return err
		}
		refs = append(refs, ref{name, weight})
	}
	slices.SortFunc(refs, func(a, b ref) int { return b.weight - a.weight })
	if err := r.write(ctx, s, refs); err != nil {
		return err
	}
	return r.sweep(ctx, s, refs)
}

// ref is one release's Service in a rule.
type ref struct {
	name   string
	weight int
}

// write replaces the references in all rules that have one, and waits for the gateways that look at the route to take it.
func (r *router) write(ctx context.Context, s *cluster.Space, refs []ref) error {
	for {
		o, typed, err := r.conf.read(ctx, s)
		if err != nil {
			return err
		}
		if _, err := r.conf.rules(typed); err != nil {
			return err
		}
		if !r.replace(o, typed, refs) {
			return nil // they are there already
		}
		written, err := s.Of(routes).Update(ctx, o, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("weights of httproute %s: %w", r.conf.Name, kube.Explain(err))
		}
		return r.accepted(ctx, s, written.GetGeneration())
	}
}

// replace changes the object's rules; changed says whether anything differs.
func (r *router) replace(o *unstructured.Unstructured, typed *gateway.HTTPRoute, refs []ref) (changed bool) {
	rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules") // read has looked
	for i, rule := range typed.Spec.Rules {
		at := slices.IndexFunc(rule.BackendRefs, r.conf.ours)
		if at < 0 {
			continue
		}
		raw, _ := rules[i].(map[string]any)
		all, _ := raw["backendRefs"].([]any)
		sample, _ := all[at].(map[string]any)
		var now []any
		for _, w := range refs {
			one := kuberuntime.DeepCopyJSON(sample) // with its port and its filters
			one["name"], one["weight"] = w.name, int64(w.weight)
			now = append(now, one)
		}
		for j, b := range rule.BackendRefs {
			if !r.conf.ours(b) {
				now = append(now, all[j])
			}
		}
		before, _ := json.Marshal(all) // both were read from JSON
		after, _ := json.Marshal(now)
		changed = changed || string(before) != string(after)
		raw["backendRefs"] = now
	}
	o.Object["spec"].(map[string]any)["rules"] = rules //nolint:forcetypeassert // it has rules
	return changed
}

// accepted waits for what the gateways say of the route as it is now. Where none says anything in time, nothing is known against it.
func (r *router) accepted(ctx context.Context, s *cluster.Space, generation int64) error {
	limited, stop := context.WithTimeout(ctx, acceptedWithin)
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, typed, err := r.conf.read(ctx, s)
		if err != nil {
			return err
		}
		if len(typed.Status.Parents) == 0 && limited.Err() == nil && len(typed.Spec.ParentRefs) == 0 {
			return nil
		}
		done, err := judged(typed, generation)
		if done || err != nil {
			return err
		}
		select {
		case <-limited.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// judged says whether all gateways have looked at the generation, and what one has against it.
func judged(r *gateway.HTTPRoute, generation int64) (done bool, err error) {
	seen := 0
	for _, p := range r.Status.Parents {
		for _, c := range p.Conditions {
			if c.ObservedGeneration < generation {
				continue
			}
			if c.Status == metav1.ConditionFalse && (c.Type == string(gateway.RouteConditionAccepted) || c.Type == string(gateway.RouteConditionResolvedRefs)) {
				return true, fmt.Errorf("gateway %s does not take httproute %s: %s: %s", p.ParentRef.Name, r.Name, c.Reason, c.Message)
			}
			if c.Type == string(gateway.RouteConditionAccepted) {
				seen++
			}
		}
	}
	return seen > 0 && seen == len(r.Status.Parents), nil
}

// copy makes the Service of a release.
func (r *router) copy(ctx context.Context, s *cluster.Space, name, service, release string) error {
	base, err := s.Of(services).Get(ctx, r.conf.Service, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("service %s, which the releases' Services are copies of: %w", r.conf.Service, kube.Explain(err))
	}
	selector := map[string]any{kubernetes.LabelService: kubernetes.Label(service), kubernetes.LabelRelease: kubernetes.Short(release)}
	var ports []any
	all, _, _ := unstructured.NestedSlice(base.Object, "spec", "ports") // none is refused by the cluster
	for _, p := range all {
		if port, ok := p.(map[string]any); ok {
			delete(port, "nodePort")
			ports = append(ports, port)
		}
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": name, "labels": map[string]any{
			"app.kubernetes.io/managed-by": "goodstate", kubernetes.LabelService: kubernetes.Label(service), copyOf: r.conf.Service,
		}},
		"spec": map[string]any{"selector": selector, "ports": ports},
	}}
	_, err = s.Of(services).Create(ctx, o, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		have, err := s.Of(services).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("service %s: %w", name, kube.Explain(err))
		}
		if have.GetLabels()[copyOf] != r.conf.Service {
			return fmt.Errorf("service %s is not goodstate's, and its name is needed for a release: remove it", name)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("service %s of a release: %w", name, kube.Explain(err))
	}
	return nil
}

// sweep removes Services of releases that the route does not name any more.
func (r *router) sweep(ctx context.Context, s *cluster.Space, refs []ref) error {
	list, err := s.Of(services).List(ctx, metav1.ListOptions{LabelSelector: copyOf + "=" + r.conf.Service})
	if err != nil {
		return fmt.Errorf("services of releases: %w", kube.Explain(err))
	}
	var errs []error
	for i := range list.Items {
		name := list.Items[i].GetName()
		if slices.ContainsFunc(refs, func(w ref) bool { return w.name == name }) {
			continue
		}
		if err := s.Of(services).Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("service %s of a release: %w", name, kube.Explain(err)))
		}
	}
	return errors.Join(errs...)
}

// Remove gives the rules the Service itself again.
func (r *router) Remove(ctx context.Context, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.conf.Space()
	if err != nil {
		return err
	}
	if err := r.write(ctx, s, []ref{{r.conf.Service, 1}}); err != nil {
		return err
	}
	return errors.Join(r.sweep(ctx, s, nil), r.Take(nil))
}

// Drain returns at once: how many requests are under way only the gateway knows, and the pods end theirs after SIGTERM.
func (r *router) Drain(ctx context.Context, _, _, _ string) error { return ctx.Err() }

// Seconds are not known.
func (r *router) Seconds(context.Context, string, time.Time) ([]traffic.Second, error) {
	return nil, nil
}
