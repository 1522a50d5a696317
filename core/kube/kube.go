// Package kube connects to a Kubernetes cluster and says in words what an API server refused. It knows no kind of object.
package kube

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Access says how to reach a cluster. With neither text nor file it is the cluster that this process runs in.
type Access struct {
	Text    []byte // of a kubeconfig
	File    string // path of a kubeconfig, where there is no text
	Context string // of the kubeconfig; empty is its current one
}

// Cluster is a connection to one cluster. It may be used by many goroutines.
type Cluster struct {
	Config    *rest.Config
	Objects   dynamic.Interface
	Discovery discovery.DiscoveryInterface
	Namespace string // of the kubeconfig's context
}

// slow is how long one request may take; lists of large objects come in pages.
const slow = time.Minute

// Connect makes the clients and asks nothing yet.
func Connect(a Access) (*Cluster, error) {
	c := &Cluster{Namespace: "default"}
	var err error
	switch {
	case len(a.Text) > 0 || a.File != "":
		err = c.read(a)
	default:
		c.Config, err = rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			err = errors.New("no kubeconfig is given and this process runs in no cluster; give a kubeconfig")
		}
	}
	if err != nil {
		return nil, err
	}
	clients, err := With(c.Config)
	if err != nil {
		return nil, err
	}
	clients.Namespace = c.Namespace
	return clients, nil
}

// With makes the clients for an address and credentials.
func With(config *rest.Config) (*Cluster, error) {
	c := &Cluster{Config: rest.CopyConfig(config), Namespace: "default"}
	var err error
	c.Config.QPS, c.Config.Burst = 500, 1000 // the API server itself says when it is too much
	c.Config.UserAgent = "goodstate"
	c.Config.WarningHandler = rest.NoWarnings{}
	if c.Config.Timeout == 0 {
		c.Config.Timeout = slow
	}
	if c.Objects, err = dynamic.NewForConfig(c.Config); err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	if c.Discovery, err = discovery.NewDiscoveryClientForConfig(c.Config); err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return c, nil
}

// read takes the address and the credentials from a kubeconfig. What a file names by relative paths lies beside it.
func (c *Cluster) read(a Access) error {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: a.Context}
	var from clientcmd.ClientConfig
	if len(a.Text) > 0 {
		parsed, err := clientcmd.Load(a.Text)
		if err != nil {
			return errors.New("the text of the kubeconfig cannot be read as YAML; want what kubectl config view --raw --flatten prints")
		}
		from = clientcmd.NewDefaultClientConfig(*parsed, overrides)
	} else {
		from = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: a.File}, overrides)
	}
	var err error
	if c.Config, err = from.ClientConfig(); err != nil {
		return fmt.Errorf("kubeconfig %s: %w", a.File, err)
	}
	if c.Namespace, _, err = from.Namespace(); err != nil {
		return fmt.Errorf("kubeconfig %s: %w", a.File, err)
	}
	return nil
}
