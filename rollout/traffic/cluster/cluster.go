// Package cluster is what routers that move traffic by objects of a Kubernetes cluster stand on: how the cluster is reached, and the route that was
// asked for last, which is on the disk before the cluster is told.
package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Config says which cluster and where users reach the service in it.
type Config struct {
	Kubeconfig string `yaml:"kubeconfig" json:"kubeconfig,omitempty" help:"absolute path of a kubeconfig; without it the cluster that goodstate runs in" example:"/etc/goodstate/rollout.kubeconfig"`
	Context    string `yaml:"context" json:"context,omitempty" help:"context of the kubeconfig, if not its current one" example:"production"`
	Namespace  string `yaml:"namespace" json:"namespace" required:"true" help:"namespace of the service" example:"shop"`
	Address    string `yaml:"url" json:"url" required:"true" help:"address at which users reach the service, and checks do" example:"https://shop.example.org"`
}

// Validate refuses what leads nowhere.
func (c *Config) Validate() error {
	if c.Kubeconfig != "" && !filepath.IsAbs(c.Kubeconfig) {
		return fmt.Errorf("kubeconfig: %q is no absolute path", c.Kubeconfig)
	}
	if u, err := url.Parse(c.Address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("url: %q is no address, want for example https://shop.example.org", c.Address)
	}
	return nil
}

// URL is where users reach the service.
func (c *Config) URL() string { return c.Address }

// Uncounted is true: a cluster's own routing tells goodstate nothing of what it carried.
func (c *Config) Uncounted() bool { return true }

// Blind says what that means.
func (c *Config) Blind() string {
	return "the cluster's own routing counts no answers: signals and checks judge the release"
}

const within = 15 * time.Second

// Space is the namespace, connected.
func (c *Config) Space() (*Space, error) {
	k, err := kube.Connect(kube.Access{File: c.Kubeconfig, Context: c.Context})
	if err == nil {
		k.Config.Timeout = within
		k, err = kube.With(k.Config)
	}
	if err != nil {
		return nil, fmt.Errorf("traffic in namespace %s: %w", c.Namespace, err)
	}
	return &Space{k, c.Namespace}, nil
}

// Space is a namespace of a cluster.
type Space struct {
	Cluster   *kube.Cluster
	Namespace string
}

// Of are the namespace's objects of one kind.
func (s *Space) Of(kind schema.GroupVersionResource) dynamic.ResourceInterface {
	return s.Cluster.Objects.Resource(kind).Namespace(s.Namespace)
}

// Foreign says who moves the traffic of an object already, "" when nobody does: two that do would undo each other's work.
func Foreign(o *unstructured.Unstructured) string {
	for _, owner := range o.GetOwnerReferences() {
		if owner.Kind == "Canary" {
			return fmt.Sprintf("Flagger (its Canary %s)", owner.Name)
		}
	}
	if selector, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector"); selector["rollouts-pod-template-hash"] != "" { // no selector is nobody's
		return "Argo Rollouts (its hash is in the selector)"
	}
	for name := range o.GetAnnotations() {
		if name == "argo-rollouts.argoproj.io/managed-by-rollouts" {
			return "Argo Rollouts"
		}
	}
	return ""
}

// Memory is the route that was asked for last.
type Memory struct {
	mu    sync.Mutex
	path  string
	route *traffic.Route
}

// Recall reads it from a folder, which is made.
func Recall(dir string) (*Memory, error) {
	m := &Memory{path: filepath.Join(dir, "route.json")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the router's memory: %w", err)
	}
	text, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m.route)
	}
	if err != nil {
		return nil, fmt.Errorf("route as it was remembered: %w", err)
	}
	return m, nil
}

// Take makes the route the one that is wanted, on the disk.
func (m *Memory) Take(r *traffic.Route) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(m.path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(m.path+".new", m.path)
	}
	if err != nil {
		return fmt.Errorf("remember the route: %w", err)
	}
	m.route = r
	return nil
}

// Route is the route that is wanted.
func (m *Memory) Route(context.Context, string) (traffic.Route, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.route == nil {
		return traffic.Route{}, false, nil
	}
	return *m.route, true, nil
}

// Found is a finding about one object.
func Found(check string, err error, observed string) good.Finding {
	f := good.Finding{Check: check, Verdict: good.Pass, Observed: observed, At: time.Now()}
	if err != nil {
		f.Verdict, f.Observed, f.Wanted = good.Fail, kube.Explain(err).Error(), "an object that can be read and changed"
	}
	return f
}
