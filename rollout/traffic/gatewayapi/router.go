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
	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/traffic"
	"goodstate.dev/goodstate/rollout/traffic/cluster"
)

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
