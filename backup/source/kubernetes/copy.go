package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
	"goodstate.dev/goodstate/core/kube"
)

// About is what a restore point says of the cluster it was taken from: the file cluster.json at its root.
type About struct {
	Server   string   `json:"server"`            // version of Kubernetes
	Moment   string   `json:"resource_version"`  // at which it was read; empty where each kind has a moment of its own
	Kinds    []Kind   `json:"kinds"`             // that were read
	Problems []string `json:"problems"`          // what could not be read
	Objects  int64    `json:"objects,omitempty"` // that were copied
}

const aboutFile = "cluster.json"

// Copied counts what a copy has.
type Copied struct {
	Tree     repository.ID
	Saved    repository.Saved
	Objects  int64
	Bytes    int64
	Problems []string // what could not be read; the copy is incomplete then
}

// copier builds the tree: cluster/KIND/NAME for cluster-wide objects, and namespaces/NAMESPACE/KIND/NAME.
type copier struct {
	list   lister
	saver  *repository.Saver
	need   *needed
	say    func(string)
	about  About
	copied Copied
	wide   map[string][]repository.Node            // by kind
	spaces map[string]map[string][]repository.Node // by namespace and kind
}

// More adds to the root of the tree, when all objects have been read.
type More func(ctx context.Context) (nodes []repository.Node, problems []string, err error)

// Copy reads the cluster and saves its objects, and what more adds to them. The caller finishes nothing: the tree is complete and indexed.
func Copy(ctx context.Context, c *kube.Cluster, repo *repository.Repository, f Filter, say func(string), more ...More) (Copied, error) {
	kinds, problems, err := Kinds(c)
	if err != nil {
		return Copied{}, err
	}
	w := &copier{list: lister{cluster: c, filter: f}, need: newNeeded(f), say: say, wide: map[string][]repository.Node{}, spaces: map[string]map[string][]repository.Node{}}
	if w.list.at, err = moment(ctx, c); err != nil {
		return Copied{}, err
	}
	w.copied.Problems = problems
	w.about.Moment = w.list.at
	if v, err := c.Discovery.ServerVersion(); err == nil {
		w.about.Server = v.GitVersion
	}
	w.saver = repo.NewSaver(ctx, repository.SaveOptions{})
	if err := w.all(ctx, kinds); err != nil {
		return Copied{}, errors.Join(err, w.saver.Abort())
	}
	var beside []repository.Node
	for _, m := range more {
		nodes, problems, err := m(ctx)
		if err != nil {
			return Copied{}, errors.Join(err, w.saver.Abort())
		}
		beside, w.copied.Problems = append(beside, nodes...), append(w.copied.Problems, problems...)
	}
	if w.copied.Tree, err = w.tree(beside); err != nil {
		return Copied{}, errors.Join(err, w.saver.Abort())
	}
	w.copied.Saved, err = w.saver.Finish()
	return w.copied, err
}

// all reads namespaced kinds first: they say which cluster-wide objects they need.
func (w *copier) all(ctx context.Context, kinds []Kind) error {
	for _, namespaced := range []bool{true, false} {
		for _, k := range kinds {
			if k.Namespaced != namespaced || !w.list.filter.Kind(k) {
				continue
			}
			if err := w.kind(ctx, k); err != nil {
				return err
			}
		}
	}
	return w.missing()
}

// kind copies all objects of a kind. What the account may not read is a problem and not the end.
func (w *copier) kind(ctx context.Context, k Kind) error {
	found := map[string][]repository.Node{}
	var objects, size int64
	restart := func() { clear(found); objects, size = 0, 0 }
	err := w.list.each(ctx, k, restart, func(o *unstructured.Unstructured) error {
		if volume.Mine(o) {
			return nil
		}
		if k.Namespaced {
			w.need.see(k, o)
		} else if !w.need.takes(k, o) {
			return nil
		}
		n, err := w.object(o)
		if err != nil {
			return fmt.Errorf("copy %s %s: %w", k.Name(), o.GetName(), err)
		}
		found[o.GetNamespace()] = append(found[o.GetNamespace()], n)
		objects, size = objects+1, size+int64(n.Size)
		return nil
	})
	var status apierrors.APIStatus
	if errors.As(err, &status) && !kube.Passing(err) && !apierrors.IsUnauthorized(err) {
		w.copied.Problems = append(w.copied.Problems, fmt.Sprintf("%s: %v", k.Name(), err))
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", k.Name(), err)
	}
	w.about.Kinds = append(w.about.Kinds, k)
	for ns, nodes := range found {
		if ns == "" {
			w.wide[k.Name()] = nodes
			continue
		}
		if w.spaces[ns] == nil {
			w.spaces[ns] = map[string][]repository.Node{}
		}
		w.spaces[ns][k.Name()] = nodes
	}
	w.copied.Objects, w.copied.Bytes = w.copied.Objects+objects, w.copied.Bytes+size
	w.say(fmt.Sprintf("%d objects, %d MB; now %s", w.copied.Objects, w.copied.Bytes>>20, k.Name()))
	return nil
}

// missing says which namespaces were asked for by name and are not there.
func (w *copier) missing() error {
	for _, ns := range w.list.filter.Namespaces {
		if strings.ContainsAny(ns, `*?[\`) {
			continue
		}
		if !slices.ContainsFunc(w.wide[namespaces], func(n repository.Node) bool { return n.Name == repository.QuoteName(ns) }) && len(w.spaces[ns]) == 0 {
			w.copied.Problems = append(w.copied.Problems, fmt.Sprintf("namespace %s: there is none in the cluster, or it is empty and the account may not read it", ns))
		}
	}
	return nil
}

// object saves one manifest.
func (w *copier) object(o *unstructured.Unstructured) (repository.Node, error) {
	unstructured.RemoveNestedField(o.Object, "metadata", "managedFields") // who wrote which field says nothing of the object
	text, err := manifest(o)
	if err != nil {
		return repository.Node{}, err
	}
	return w.file(o.GetName(), text, o.GetCreationTimestamp().Time)
}

// manifest is an object as the repository has it: JSON with sorted names, so that what did not change has the same bytes.
func manifest(o *unstructured.Unstructured) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(o.Object)
	return b.Bytes(), err
}

func (w *copier) file(name string, text []byte, at time.Time) (repository.Node, error) {
	id, _, err := w.saver.Save(repository.Data, text)
	n := repository.Node{Name: repository.QuoteName(name), Type: "file", Mode: 0o600, ModTime: at, Size: uint64(len(text)), Links: 1, Content: []repository.ID{id}}
	return n, err
}

func (w *copier) tree(beside []repository.Node) (repository.ID, error) {
	slices.SortFunc(w.about.Kinds, func(a, b Kind) int { return strings.Compare(a.Name(), b.Name()) })
	w.about.Problems, w.about.Objects = w.copied.Problems, w.copied.Objects
	text, err := json.MarshalIndent(w.about, "", "  ")
	if err != nil {
		return repository.ID{}, err
	}
	about, err := w.file(aboutFile, text, time.Time{})
	if err != nil {
		return repository.ID{}, err
	}
	wide, err := w.folder("cluster", w.wide)
	if err != nil {
		return repository.ID{}, err
	}
	var inside []repository.Node
	for ns, kinds := range w.spaces {
		n, err := w.folder(ns, kinds)
		if err != nil {
			return repository.ID{}, err
		}
		inside = append(inside, n)
	}
	spaces, err := w.save("namespaces", inside)
	if err != nil {
		return repository.ID{}, err
	}
	root, err := w.save("", append([]repository.Node{about, wide, spaces}, beside...))
	if err != nil {
		return repository.ID{}, err
	}
	return *root.Subtree, nil
}

// folder saves a folder with one folder for each kind.
func (w *copier) folder(name string, kinds map[string][]repository.Node) (repository.Node, error) {
	var inside []repository.Node
	for kind, nodes := range kinds {
		n, err := w.save(kind, nodes)
		if err != nil {
			return n, err
		}
		inside = append(inside, n)
	}
	return w.save(name, inside)
}

func (w *copier) save(name string, nodes []repository.Node) (repository.Node, error) {
	slices.SortFunc(nodes, func(a, b repository.Node) int { return strings.Compare(a.Name, b.Name) })
	id, err := w.saver.SaveFolder(repository.Folder{Nodes: nodes})
	return repository.Node{Name: repository.QuoteName(name), Type: "dir", Mode: os.ModeDir | 0o700, Subtree: &id}, err
}
