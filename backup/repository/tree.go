package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// Node is one name in a folder.
type Node struct {
	Name       string      `json:"name"` // as strconv.Quote writes it, without the quotes
	Type       string      `json:"type"` // file, dir, symlink, dev, chardev, fifo or socket
	Mode       os.FileMode `json:"mode,omitempty"`
	ModTime    time.Time   `json:"mtime,omitzero"`
	AccessTime time.Time   `json:"atime,omitzero"`
	ChangeTime time.Time   `json:"ctime,omitzero"`
	UID        uint32      `json:"uid"`
	GID        uint32      `json:"gid"`
	User       string      `json:"user,omitempty"`
	Group      string      `json:"group,omitempty"`
	Inode      uint64      `json:"inode,omitempty"`
	DeviceID   uint64      `json:"device_id,omitempty"`
	Size       uint64      `json:"size,omitempty"`
	Links      uint64      `json:"links,omitempty"`
	LinkTarget string      `json:"linktarget,omitempty"`
	Extended   []Attribute `json:"extended_attributes,omitempty"`
	Device     uint64      `json:"device,omitempty"`
	Content    []ID        `json:"content"`
	Subtree    *ID         `json:"subtree,omitempty"`
}

// Attribute is an extended attribute of a file.
type Attribute struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// Folder is the list of a folder, sorted by name.
type Folder struct {
	Nodes []Node `json:"nodes"`
}

// QuoteName is the form of a file's name in a node: names need not be UTF-8, JSON needs to.
func QuoteName(name string) string {
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}

// FileName is the name of the file in its folder. It comes from the repository, so that a name that leads elsewhere is an error.
func (n *Node) FileName() (string, error) {
	name, err := strconv.Unquote(`"` + n.Name + `"`)
	if err != nil {
		return "", fmt.Errorf("name %q in a folder: %w", n.Name, err)
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("name %q in a folder: no file can be called that", name)
	}
	return name, nil
}

// SaveFolder saves the list of a folder and returns its ID.
func (s *Saver) SaveFolder(f Folder) (ID, error) {
	if f.Nodes == nil {
		f.Nodes = []Node{}
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(f); err != nil { // it ends with a newline, as the format wants
		return ID{}, fmt.Errorf("write the list of a folder: %w", err)
	}
	id, _, err := s.Save(Tree, b.Bytes())
	return id, err
}

// Folder reads the list of a folder.
func (r *Repository) Folder(ctx context.Context, id ID) (Folder, error) {
	var f Folder
	plain, err := r.Blob(ctx, id)
	if err != nil {
		return f, fmt.Errorf("folder: %w", err)
	}
	if err := json.Unmarshal(plain, &f); err != nil {
		return f, fmt.Errorf("folder %s: %w", id.Short(), err)
	}
	return f, nil
}

// maxDepth bounds folders in folders: a tree comes from the storage.
const maxDepth = 4000

// Walk calls each for every node below a folder, parents first, with its path. What each returns as enter says whether a folder is entered.
func (r *Repository) Walk(ctx context.Context, id ID, each func(path string, n *Node) (enter bool, err error)) error {
	return r.walk(ctx, id, "/", 0, each)
}

func (r *Repository) walk(ctx context.Context, id ID, at string, depth int, each func(string, *Node) (bool, error)) error {
	if depth > maxDepth {
		return fmt.Errorf("%s...: more than %d folders in folders", at[:100], maxDepth)
	}
	f, err := r.Folder(ctx, id)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		name, err := n.FileName()
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		full := path.Join(at, name)
		enter, err := each(full, n)
		if err != nil {
			return err
		}
		if n.Type == "dir" && enter {
			if n.Subtree == nil {
				return fmt.Errorf("%s: a folder without its list", full)
			}
			if err := r.walk(ctx, *n.Subtree, full, depth+1, each); err != nil {
				return err
			}
		}
	}
	return nil
}
