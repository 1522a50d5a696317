package bucket

import (
	"context"
	"os"
	"slices"
	"strings"

	"goodstate.dev/goodstate/backup/repository"
)

// tree makes folders of objects that come in the order of their keys. It holds the lists of the folders that are open, and no others: all keys of a folder lie together.
type tree struct {
	saver *repository.Saver
	open  []level
}

type level struct {
	name  string
	nodes []repository.Node
}

func newTree(s *repository.Saver) *tree { return &tree{saver: s, open: []level{{}}} }

// add puts an object in its place.
func (t *tree) add(key string, n repository.Node) error {
	path := parts(key)
	folders, same := path[:len(path)-1], 0
	for same < len(folders) && same+1 < len(t.open) && t.open[same+1].name == folders[same] {
		same++
	}
	for len(t.open) > same+1 {
		if err := t.shut(); err != nil {
			return err
		}
	}
	for _, name := range folders[same:] {
		t.open = append(t.open, level{name: name})
	}
	n.Name = repository.QuoteName(path[len(path)-1])
	last := &t.open[len(t.open)-1]
	last.nodes = append(last.nodes, n)
	return nil
}

// shut saves the innermost folder and puts it into the one around it.
func (t *tree) shut() error {
	last := t.open[len(t.open)-1]
	n, err := folder(t.saver, last.name, last.nodes)
	if err != nil {
		return err
	}
	t.open = t.open[:len(t.open)-1]
	around := &t.open[len(t.open)-1]
	around.nodes = append(around.nodes, n)
	return nil
}

// root saves all that is open as a folder of that name.
func (t *tree) root(name string) (repository.Node, error) {
	for len(t.open) > 1 {
		if err := t.shut(); err != nil {
			return repository.Node{}, err
		}
	}
	return folder(t.saver, name, t.open[0].nodes)
}

// folder saves a list. Where a folder and an object have the same name, the object gets another one.
func folder(s *repository.Saver, name string, nodes []repository.Node) (repository.Node, error) {
	folders := map[string]bool{}
	for _, n := range nodes {
		if n.Type == "dir" {
			folders[n.Name] = true
		}
	}
	for i := range nodes {
		if n := &nodes[i]; n.Type != "dir" && folders[n.Name] {
			n.Name += beside
		}
	}
	slices.SortFunc(nodes, func(a, b repository.Node) int { return strings.Compare(a.Name, b.Name) })
	id, err := s.SaveFolder(repository.Folder{Nodes: nodes})
	return repository.Node{Name: repository.QuoteName(name), Type: "dir", Mode: os.ModeDir | 0o700, Subtree: &id}, err
}

// old finds the objects of an older restore point, for keys that come in their order. It holds the lists of the folders on the way to a key.
type old struct {
	repo *repository.Repository
	path []string // names of the folders that are open below the first
	open []map[string]*repository.Node
}

// newOld reads the restore point before; nil where there is none.
func newOld(ctx context.Context, repo *repository.Repository, before *repository.Snapshot) *old {
	if before == nil {
		return nil
	}
	o := &old{repo: repo}
	root := o.list(ctx, &before.Tree)
	if n := root[objectsFolder]; n != nil {
		o.open = []map[string]*repository.Node{o.list(ctx, n.Subtree)}
		return o
	}
	return nil
}

// list reads a folder. One that cannot be read has nothing: what it had is then read from the bucket again.
func (o *old) list(ctx context.Context, id *repository.ID) map[string]*repository.Node {
	if id == nil {
		return nil
	}
	f, err := o.repo.Folder(ctx, *id)
	if err != nil {
		return nil
	}
	all := make(map[string]*repository.Node, len(f.Nodes))
	for i := range f.Nodes {
		all[f.Nodes[i].Name] = &f.Nodes[i]
	}
	return all
}

// find is the node that an object had; nil where it had none.
func (o *old) find(ctx context.Context, key string) *repository.Node {
	if o == nil {
		return nil
	}
	path := parts(key)
	folders, same := path[:len(path)-1], 0
	for same < len(folders) && same < len(o.path) && o.path[same] == folders[same] {
		same++
	}
	o.path, o.open = o.path[:same], o.open[:same+1]
	for _, name := range folders[same:] {
		var inside map[string]*repository.Node
		if n := o.open[len(o.open)-1][repository.QuoteName(name)]; n != nil && n.Type == "dir" {
			inside = o.list(ctx, n.Subtree)
		}
		o.path, o.open = append(o.path, name), append(o.open, inside)
	}
	here, name := o.open[len(o.open)-1], repository.QuoteName(path[len(path)-1])
	if n := here[name+beside]; n != nil {
		return n
	}
	if n := here[name]; n != nil && n.Type == "file" {
		return n
	}
	return nil
}
