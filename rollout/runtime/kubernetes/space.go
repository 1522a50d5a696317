package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime"
)

const (
	requestWithin = 10 * time.Second // an API server that takes longer is away
	awayFor       = 30 * time.Second // how long a change waits for one that is away
	lookEach      = 250 * time.Millisecond
	defaultWithin = time.Minute
)

var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
)

// space is one namespace of one cluster.
type space struct {
	cluster   *kube.Cluster
	name      string // of the place, for people
	namespace string
	container string // that is the instance; empty: the first
	logs      string // folder for the last lines of pods that are gone
	log       *slog.Logger

	changing sync.Mutex // one change of a workload at a time

	mu   sync.Mutex
	down time.Time // when the API server was last given up
}

// downFor is how long an API server that was given up is not waited for again.
const downFor = 10 * time.Second

type hastyKey struct{}

// hasty is a context in which an API server that is away is not waited for.
func hasty(ctx context.Context) context.Context { return context.WithValue(ctx, hastyKey{}, true) }

// wait is how long an API server that is away is waited for.
func (s *space) wait(ctx context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Value(hastyKey{}) != nil || time.Since(s.down) < downFor {
		return 0
	}
	return awayFor
}

func (s *space) givenUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = time.Now()
}

func (s *space) of(kind schema.GroupVersionResource) dynamic.ResourceInterface {
	return s.cluster.Objects.Resource(kind).Namespace(s.namespace)
}

// away says that the API server cannot be asked now, so that nothing is known.
func away(err error) bool {
	var asked *url.Error
	return kube.Passing(err) || apierrors.IsUnauthorized(err) || errors.As(err, &asked) || errors.Is(err, context.DeadlineExceeded)
}

// try asks the cluster, again and again while its API server is away: a control plane that is started anew is back within seconds. The error is
// an *runtime.UnreachableError when it is not.
func (s *space) try(ctx context.Context, what string, ask func(ctx context.Context) error) error {
	began, patience := time.Now(), s.wait(ctx)
	tick := time.NewTicker(2 * lookEach)
	defer tick.Stop()
	for {
		err := ask(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s in %s: %w", what, s.name, context.Cause(ctx))
		case !away(err):
			return fmt.Errorf("%s in %s: %w", what, s.name, kube.Explain(err))
		case apierrors.IsUnauthorized(err) || time.Since(began) > patience:
			s.givenUp()
			return &runtime.UnreachableError{Host: s.name, Err: fmt.Errorf("%s: %w", what, kube.Explain(err))}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// get reads one object; nil when there is none.
func (s *space) get(ctx context.Context, kind schema.GroupVersionResource, name string) (found *unstructured.Unstructured, err error) {
	err = s.try(ctx, "read "+kind.Resource+" "+name, func(ctx context.Context) error {
		found, err = s.of(kind).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			found = nil
			return nil
		}
		return err
	})
	return found, err
}

// readPods lists pods by their labels, once.
func (s *space) readPods(ctx context.Context, selector string) ([]*corev1.Pod, error) {
	list, err := s.of(pods).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	out := make([]*corev1.Pod, 0, len(list.Items))
	for i := range list.Items {
		p := &corev1.Pod{}
		if err := kuberuntime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, p); err != nil {
			return nil, fmt.Errorf("pod %s: %w", list.Items[i].GetName(), err)
		}
		out = append(out, p)
	}
	return out, nil
}

// until looks again and again until it is done or has failed, or the context ends.
func until(ctx context.Context, look func() (done bool, err error)) error {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func selectorOf(service, release string) string {
	out := LabelService + "=" + Label(service)
	if release != "" {
		out += "," + LabelRelease + "=" + Short(release)
	}
	return out
}
