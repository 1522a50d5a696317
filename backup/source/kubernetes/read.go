package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
)

// Entry is one object of a restore point; its manifest is read when it is needed.
type Entry struct {
	Kind      string // as kubectl names it: deployments.apps
	Namespace string // empty for cluster-wide ones
	Name      string
	size      int64
	content   []repository.ID
}

// String names it as messages do.
func (e Entry) String() string {
	if e.Namespace == "" {
		return e.Kind + " " + e.Name
	}
	return e.Kind + " " + e.Namespace + "/" + e.Name
}

// Read lists what a restore point has, and what it says of its cluster.
func Read(ctx context.Context, repo *repository.Repository, snap repository.Snapshot) (about About, all []Entry, err error) {
	err = repo.Walk(ctx, snap.Tree, func(at string, n *repository.Node) (bool, error) {
		if at == "/"+volume.Folder || at == "/"+volume.File {
			return false, nil // no objects are in it
		}
		if n.Type != "file" {
			return true, nil
		}
		parts := strings.Split(strings.TrimPrefix(at, "/"), "/")
		switch {
		case at == "/"+aboutFile:
			return false, load(ctx, repo, n.Content, &about)
		case len(parts) == 3 && parts[0] == "cluster":
			all = append(all, Entry{Kind: parts[1], Name: parts[2], size: int64(n.Size), content: n.Content})
		case len(parts) == 4 && parts[0] == "namespaces":
			all = append(all, Entry{Kind: parts[2], Namespace: parts[1], Name: parts[3], size: int64(n.Size), content: n.Content})
		default:
			return false, fmt.Errorf("restore point %s: %s is not part of a copy of a cluster", snap.ID.Short(), path.Clean(at))
		}
		return false, nil
	})
	if err == nil && about.Kinds == nil {
		err = fmt.Errorf("restore point %s has no %s: it is not a copy of a cluster", snap.ID.Short(), aboutFile)
	}
	return about, all, err
}

func load(ctx context.Context, repo *repository.Repository, ids []repository.ID, to any) error {
	text, err := content(ctx, repo, ids)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

func content(ctx context.Context, repo *repository.Repository, ids []repository.ID) ([]byte, error) {
	var text []byte
	for _, id := range ids {
		part, err := repo.Blob(ctx, id)
		if err != nil {
			return nil, err
		}
		text = append(text, part...)
	}
	return text, nil
}

// Manifest reads the object.
func (e Entry) Manifest(ctx context.Context, repo *repository.Repository) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	text, err := content(ctx, repo, e.content)
	if err == nil {
		err = o.UnmarshalJSON(text) // which keeps whole numbers whole
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	if o.GetName() != e.Name || o.GetNamespace() != e.Namespace || o.GetKind() == "" {
		return nil, fmt.Errorf("%s: its manifest is of another object, %s %s/%s", e, o.GetKind(), o.GetNamespace(), o.GetName())
	}
	return o, nil
}
