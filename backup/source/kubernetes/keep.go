package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
)

// Keep saves objects that come from elsewhere than a cluster, in any order: each calls put with every one. What says how things are at the moment only is left aside, as in
// a copy. The problems that are given become those of the copy.
func Keep(ctx context.Context, repo *repository.Repository, problems []string, each func(put func(Kind, *unstructured.Unstructured) error) error) (Copied, error) {
	w := &copier{say: func(string) {}, wide: map[string][]repository.Node{}, spaces: map[string]map[string][]repository.Node{}}
	w.copied.Problems = problems
	w.saver = repo.NewSaver(ctx, repository.SaveOptions{})
	seen, kinds := map[string]bool{}, map[string]Kind{}
	err := each(func(k Kind, o *unstructured.Unstructured) error {
		if slices.Contains(passing, k.Name()) {
			return nil
		}
		e := Entry{Kind: k.Name(), Namespace: o.GetNamespace(), Name: o.GetName()}
		if was, ok := kinds[k.Name()]; ok && (was.Kind != k.Kind || was.Namespaced != k.Namespaced) {
			return fmt.Errorf("%s is a %s, others of its kind are a %s: they do not fit together", e, k.Kind, was.Kind)
		}
		if seen[e.String()] {
			return fmt.Errorf("%s comes twice", e)
		}
		seen[e.String()], kinds[k.Name()] = true, k
		return w.keep(k, o)
	})
	if err == nil && len(seen) == 0 {
		err = errors.New("there are no objects in it")
	}
	if err != nil {
		return Copied{}, errors.Join(err, w.saver.Abort())
	}
	for _, k := range kinds {
		w.about.Kinds = append(w.about.Kinds, k)
	}
	if w.copied.Tree, err = w.tree(); err != nil {
		return Copied{}, errors.Join(err, w.saver.Abort())
	}
	w.copied.Saved, err = w.saver.Finish()
	return w.copied, err
}

func (w *copier) keep(k Kind, o *unstructured.Unstructured) error {
	n, err := w.object(o)
	if err != nil {
		return fmt.Errorf("%s %s: %w", k.Name(), o.GetName(), err)
	}
	w.copied.Objects, w.copied.Bytes = w.copied.Objects+1, w.copied.Bytes+int64(n.Size)
	ns := o.GetNamespace()
	if ns == "" {
		w.wide[k.Name()] = append(w.wide[k.Name()], n)
		return nil
	}
	if w.spaces[ns] == nil {
		w.spaces[ns] = map[string][]repository.Node{}
	}
	w.spaces[ns][k.Name()] = append(w.spaces[ns][k.Name()], n)
	return nil
}
