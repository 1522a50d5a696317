// Package volume copies what is in the volumes of a cluster's applications, and brings it back: by snapshots of the storage, consistent over several volumes where it can
// make them of a group, or file by file beside the pods; with the application held for the moment of the snapshots; and moved off the cluster into the repository.
// Whatever it makes in a cluster has its mark, and what belongs to no restore point is swept away by the next run, however the last one ended.
package volume

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/kube"
)

// Data says where the data of a copy lies.
type Data string

// What may be chosen.
const (
	Repository Data = "repository" // moved there; snapshots are only made for the copy
	Snapshots  Data = "snapshots"  // it stays in the storage, in snapshots that belong to the restore point
	Both       Data = "both"
)

func (d Data) moves() bool { return d != Snapshots }
func (d Data) keeps() bool { return d == Snapshots || d == Both }

// Options say how volumes are copied and brought back.
type Options struct {
	Data         Data
	Image        string            // of the mover: an image with goodstate in it
	Classes      map[string]string // VolumeSnapshotClass by driver; without it the driver's default one, or its only one
	GroupClasses map[string]string // VolumeGroupSnapshotClass by driver
	Alone        bool              // no group snapshots, though the storage could make them
	Exclude      []string          // claims that are left out, NAME or NAMESPACE/NAME, also patterns
	ExcludeFiles []string          // files that are left out, in all volumes
	Hooks        []Hook
	Cut          time.Duration // longest wait for the storage to take a snapshot
	Ready        time.Duration // longest wait for a snapshot, a volume or a mover to become usable
	Parallel     int           // volumes that are moved at the same time
	Application  string
	State        string // folder of notes that outlive the process
	Say          func(text string)
}

// copying is one copy or restore at work.
type copying struct {
	cluster *kube.Cluster
	repo    *repository.Repository
	opt     Options
	id      string // of the copy, on all that it makes
}

func begin(c *kube.Cluster, repo *repository.Repository, opt Options) *copying {
	return &copying{cluster: c, repo: repo, opt: opt, id: strings.ToLower(rand.Text()[:12])}
}

// The kinds that this package works with.
var (
	claimsKind    = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	volumesKind   = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}
	podsKind      = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	spacesKind    = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	snapshotsKind = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshots"}
	contentsKind  = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshotcontents"}
	classesKind   = schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshotclasses"}
)

// The marks on what is made in a cluster.
const (
	OwnerLabel       = "goodstate.dev/volumes-of"  // the repository's ID, shortened
	applicationLabel = "goodstate.dev/application" // whose copy it is
	copyLabel        = "goodstate.dev/copy"        // the copy or the restore
	filling          = "goodstate.dev/filling"     // annotation of a claim whose data is not back yet: the restore point's tree
)

// Mine says that an object was made by this package for the time of its work, or to keep a snapshot. It is no part of any application.
func Mine(o *unstructured.Unstructured) bool {
	return o.GetLabels()[OwnerLabel] != "" || slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
		return r.Kind == "VolumeGroupSnapshot" && strings.HasPrefix(r.Name, groupPrefix) // a member, which the cluster made
	})
}

// groupPrefix begins the names of group snapshots.
const groupPrefix = "goodstate-volumes-"

func (c *copying) marks() map[string]any {
	return map[string]any{OwnerLabel: owner(c.repo), applicationLabel: label(c.opt.Application), copyLabel: c.id}
}

// owner is who makes copies: two that copy the same cluster into different repositories leave each other's alone.
func owner(repo *repository.Repository) string { return fmt.Sprintf("%.16s", repo.ID()) }

// label is a name as a label's value may be.
func label(name string) string { return strings.Trim(fmt.Sprintf("%.63s", name), "-_.") }

func (c *copying) in(kind schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.cluster.Objects.Resource(kind)
	}
	return c.cluster.Objects.Resource(kind).Namespace(namespace)
}

// patience is how long the API server may be away in the middle of something.
const patience = 2 * time.Minute

// patiently repeats a request that failed because the API server is away, starting or overloaded.
func patiently(ctx context.Context, ask func() error) error {
	end := time.Now().Add(patience)
	for {
		err := ask()
		if err == nil || !kube.Passing(err) || time.Now().After(end) || pause(ctx) != nil {
			return err
		}
	}
}

// pause waits a little between two looks.
func pause(ctx context.Context) error {
	t := time.NewTimer(200 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// await looks again and again until done says so, an error that does not pass comes, or the time is up; then it is a lateError with the last words.
func await(ctx context.Context, within time.Duration, look func() (done bool, still string, err error)) error {
	end := time.Now().Add(within)
	last := ""
	for {
		done, still, err := look()
		switch {
		case err == nil && done:
			return nil
		case err != nil && !kube.Passing(err):
			return kube.Explain(err)
		case err != nil:
			still = err.Error()
		}
		last = still
		if time.Now().After(end) {
			return &lateError{within, last}
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

type lateError struct {
	within time.Duration
	last   string
}

func (e *lateError) Error() string {
	return fmt.Sprintf("not within %s: %s", e.within, e.last)
}

func (c *copying) get(ctx context.Context, kind schema.GroupVersionResource, namespace, name string) (o *unstructured.Unstructured, err error) {
	err = patiently(ctx, func() (err error) {
		o, err = c.in(kind, namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	return o, err
}

func (c *copying) list(ctx context.Context, kind schema.GroupVersionResource, namespace, selector string) ([]unstructured.Unstructured, error) {
	var all *unstructured.UnstructuredList
	err := patiently(ctx, func() (err error) {
		all, err = c.in(kind, namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		return err
	})
	if err != nil {
		return nil, err
	}
	return all.Items, nil
}

func text(o *unstructured.Unstructured, fields ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, fields...)
	return s
}
