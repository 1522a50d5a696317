// Package gatewayapi moves traffic by the weights of a Gateway API HTTPRoute that is there already (gateway.networking.k8s.io/v1). Each release gets a Service of its own, a copy
// of the one that the route names; of the route only the references to these Services change, and what else is in its rules stays.
package gatewayapi

import (
	"context"
	"fmt"
	"slices"
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
