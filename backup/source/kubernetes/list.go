package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/core/kube"
)

// lister reads all objects of a kind, page by page, as they were at one moment of the cluster where the API server still knows that moment.
type lister struct {
	cluster *kube.Cluster
	filter  Filter
	at      string // resource version of the moment; empty is now
}

const (
	pageBytes = 8 << 20 // aim for one page in memory
	firstPage = 50
	attempts  = 3
)

// moment asks for the cluster's present resource version.
func moment(ctx context.Context, c *kube.Cluster) (string, error) {
	var list *unstructured.UnstructuredList
	err := patiently(ctx, func() (err error) {
		list, err = c.Objects.Resource(definitionsKind).List(ctx, metav1.ListOptions{Limit: 1})
		return err
	})
	switch {
	case apierrors.IsForbidden(err):
		return "", nil // then each kind is read at a moment of its own
	case err != nil:
		return "", fmt.Errorf("what the cluster's present version is: %w", kube.Explain(err))
	}
	return list.GetResourceVersion(), nil
}

// folders lists the namespaces that are read one by one: all of them are named, so that an account that may read only these can copy them. Empty is all at once.
func (l lister) folders(k Kind) []string {
	if !k.Namespaced || len(l.filter.Namespaces) == 0 || slices.ContainsFunc(l.filter.Namespaces, func(n string) bool { return strings.ContainsAny(n, `*?[\`) }) {
		return []string{""}
	}
	return l.filter.Namespaces
}

// each calls do for every object of a kind. Before objects come a second time, because the moment was forgotten by the API server meanwhile, it calls again.
func (l lister) each(ctx context.Context, k Kind, again func(), do func(*unstructured.Unstructured) error) error {
	at := l.at
	for n := 1; ; n++ {
		err := l.once(ctx, k, at, do)
		if err == nil {
			return nil
		}
		moved := apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || at != "" && (apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) || apierrors.IsTimeout(err))
		if !moved || n == attempts {
			return kube.Explain(err)
		}
		at = ""
		again()
	}
}

func (l lister) once(ctx context.Context, k Kind, at string, do func(*unstructured.Unstructured) error) error {
	for _, ns := range l.folders(k) {
		opt := metav1.ListOptions{Limit: firstPage, ResourceVersion: at}
		if at != "" {
			opt.ResourceVersionMatch = metav1.ResourceVersionMatchExact
		}
		if k.Namespaced && l.filter.Labels != nil {
			opt.LabelSelector = l.filter.Labels.String()
		}
		if err := l.pages(ctx, k, ns, opt, do); err != nil {
			return err
		}
	}
	return nil
}

func (l lister) pages(ctx context.Context, k Kind, ns string, opt metav1.ListOptions, do func(*unstructured.Unstructured) error) error {
	for {
		var page *unstructured.UnstructuredList
		err := patiently(ctx, func() (err error) {
			page, err = l.cluster.Objects.Resource(k.GroupVersionResource).Namespace(ns).List(ctx, opt)
			return err
		})
		if err != nil {
			return err
		}
		size := 1
		for i := range page.Items {
			o := &page.Items[i]
			if o.GetKind() == "" { // lists of some servers leave it out
				o.SetKind(k.Kind)
				o.SetAPIVersion(k.GroupVersion().String())
			}
			text, err := o.MarshalJSON()
			if err != nil {
				return fmt.Errorf("%s %s: %w", k.Name(), o.GetName(), err)
			}
			size += len(text)
			if k.Namespaced && !l.filter.Namespace(o.GetNamespace()) {
				continue
			}
			if err := do(o); err != nil {
				return err
			}
		}
		if opt.Continue = page.GetContinue(); opt.Continue == "" {
			return nil
		}
		opt.ResourceVersion, opt.ResourceVersionMatch = "", "" // they are in the token
		opt.Limit = int64(min(500, max(5, pageBytes/max(1, size/len(page.Items)))))
	}
}

// patience is how long an API server may be away in the middle of a copy or a restore.
const patience = 2 * time.Minute

// patiently repeats a request that failed because the API server is away, starting or overloaded.
func patiently(ctx context.Context, ask func() error) error {
	end := time.Now().Add(patience)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := ask()
		if err == nil || !kube.Passing(err) || ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
