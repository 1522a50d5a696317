package files

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"goodstate.dev/goodstate/backup/repository"
)

// folder is one whose list is being made. It is saved when the last of its children is done, by whoever was last.
type folder struct {
	path    string
	parent  *folder
	slot    int // its node in the parent
	nodes   []repository.Node
	ok      []bool // the node is to be saved
	pending atomic.Int64
	keep    bool                        // part of the way to a tree: only some of its children are copied
	before  map[string]*repository.Node // as it was in the parent snapshot
	beforeN int
	beforeI *repository.ID
	done    func(repository.ID) // of the topmost one
}

func newFolder(path string, parent *folder, slot int) *folder {
	return &folder{path: path, parent: parent, slot: slot}
}

// remember loads what the folder was in the parent snapshot. What cannot be read is as if there were none: the files are read again.
func (f *folder) remember(ctx context.Context, b *backup, id *repository.ID) {
	if id == nil {
		return
	}
	if known, err := b.repo.Has(*id); err != nil || !known {
		return
	}
	old, err := b.repo.Folder(ctx, *id)
	if err != nil {
		return
	}
	f.beforeI, f.beforeN = id, len(old.Nodes)
	f.before = make(map[string]*repository.Node, len(old.Nodes))
	for i := range old.Nodes {
		f.before[old.Nodes[i].Name] = &old.Nodes[i]
	}
}

// enter makes the nodes of a folder. For a folder on the way to the trees only the names that lead there are taken; paths are then those of the trees.
func (b *backup) enter(ctx context.Context, f *folder, paths []string) {
	b.folders.Add(1)
	children, err := f.children(paths)
	if err != nil {
		b.problem(f.path, err)
	}
	f.nodes, f.ok = make([]repository.Node, len(children)), make([]bool, len(children))
	f.pending.Store(int64(len(children)) + 1)
	for i, name := range children {
		if ctx.Err() != nil {
			return
		}
		b.child(ctx, f, i, filepath.Join(f.path, name), paths)
	}
	b.left(f)
}

// children lists the names in a folder, sorted.
func (f *folder) children(paths []string) ([]string, error) {
	if !f.keep {
		dir, err := os.Open(f.path)
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		names, err := dir.Readdirnames(-1)
		slices.Sort(names)
		return names, err
	}
	var names []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, strings.TrimSuffix(f.path, "/")+"/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// child makes one node: at once, or through a job that reads the file.
func (b *backup) child(ctx context.Context, f *folder, slot int, path string, paths []string) {
	onTheWay := f.keep && !slices.Contains(paths, path)
	if !onTheWay && b.exclude.match(path) {
		b.excluded.Add(1)
		b.left(f)
		return
	}
	info, err := os.Lstat(path)
	if err != nil {
		if !os.IsNotExist(err) { // what was deleted meanwhile is no problem
			b.problem(path, err)
		}
		b.left(f)
		return
	}
	n := &f.nodes[slot]
	if err := b.ids.describe(n, path, info); err != nil {
		b.problem(path, err)
	}
	switch n.Type {
	case "dir":
		b.subfolder(ctx, f, slot, path, paths, onTheWay)
		return
	case "file":
		if old := f.before[n.Name]; old != nil && b.same(old, n) {
			n.Content = old.Content
			b.files.Add(1)
			b.unchanged.Add(1)
			b.bytes.Add(int64(n.Size))
			break
		}
		select {
		case b.tickets <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case b.jobs <- job{f, slot, path}:
		case <-ctx.Done():
		}
		return
	case "":
		b.problem(path, errKind)
		b.left(f)
		return
	}
	f.ok[slot] = true
	b.left(f)
}

func (b *backup) subfolder(ctx context.Context, f *folder, slot int, path string, paths []string, onTheWay bool) {
	sub := newFolder(path, f, slot)
	sub.keep = onTheWay
	if old := f.before[f.nodes[slot].Name]; old != nil && old.Type == "dir" {
		sub.remember(ctx, b, old.Subtree)
	}
	f.ok[slot] = true
	if b.opt.OneFileSystem && !f.keep && f.nodes[slot].DeviceID != deviceOf(f.path) {
		paths, sub.keep = nil, true // the mount point itself, without what is mounted there
	}
	b.enter(ctx, sub, paths)
}

func deviceOf(path string) uint64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return uint64(info.Sys().(*syscall.Stat_t).Dev) //nolint:unconvert // another type on other systems
}

// same says that a file has not changed since it was copied, and that its content is there.
func (b *backup) same(old, n *repository.Node) bool {
	if old.Type != "file" || old.Size != n.Size || old.Inode != n.Inode || !old.ModTime.Equal(n.ModTime) || !old.ChangeTime.Equal(n.ChangeTime) {
		return false
	}
	for _, id := range old.Content {
		if known, err := b.repo.Has(id); err != nil || !known {
			return false
		}
	}
	return true
}

// left says that one child is done; the last one saves the folder.
func (b *backup) left(f *folder) {
	if f.pending.Add(-1) > 0 {
		return
	}
	id, err := b.finish(f)
	if err != nil {
		b.fail(err)
		return
	}
	if f.parent == nil {
		f.done(id)
		return
	}
	f.parent.nodes[f.slot].Subtree = &id
	b.left(f.parent)
}

// finish saves the list of a folder, unless it is the one of the parent snapshot.
func (b *backup) finish(f *folder) (repository.ID, error) {
	nodes := f.nodes[:0]
	equal := f.beforeI != nil
	for i := range f.nodes {
		if !f.ok[i] {
			continue
		}
		n := f.nodes[i]
		equal = equal && alike(f.before[n.Name], &n)
		nodes = append(nodes, n)
	}
	if equal && len(nodes) == f.beforeN {
		return *f.beforeI, nil
	}
	return b.saver.SaveFolder(repository.Folder{Nodes: nodes})
}

// alike compares all that is kept of a node.
func alike(old, n *repository.Node) bool {
	if old == nil || old.Type != n.Type || old.Mode != n.Mode || !old.ModTime.Equal(n.ModTime) || !old.ChangeTime.Equal(n.ChangeTime) || old.UID != n.UID || old.GID != n.GID ||
		old.User != n.User || old.Group != n.Group || old.Inode != n.Inode || old.DeviceID != n.DeviceID || old.Size != n.Size || old.Links != n.Links ||
		old.LinkTarget != n.LinkTarget || old.Device != n.Device || len(old.Extended) != len(n.Extended) || !slices.Equal(old.Content, n.Content) {
		return false
	}
	for i, a := range n.Extended {
		if o := old.Extended[i]; o.Name != a.Name || string(o.Value) != string(a.Value) {
			return false
		}
	}
	return (old.Subtree == nil) == (n.Subtree == nil) && (n.Subtree == nil || *old.Subtree == *n.Subtree)
}
