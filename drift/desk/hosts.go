package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/state"
)

// Hosts is what an inventory comes to.
type Hosts struct {
	Count  int       `json:"count"`
	Groups []Members `json:"groups"`
	Said   []string  `json:"said,omitempty"` // what is odd about it
}

// Members are the hosts of a group, folded: "web[1-40], db2".
type Members struct {
	Group string `json:"group"`
	Count int    `json:"count"`
	Hosts string `json:"hosts"`
}

// Hosts reads an inventory as a run would, from the commit that was pulled last, and says what is in it. An inventory without hosts is an error.
func (d *Desk) Hosts(ctx context.Context, i Inventory) (Hosts, error) {
	out, err := d.hosts(ctx, i)
	if err != nil {
		return out, fmt.Errorf("inventory %s: %w", i.Name, err)
	}
	return out, nil
}

func (d *Desk) hosts(ctx context.Context, i Inventory) (out Hosts, err error) {
	p, err := d.Project(ctx, i.Project)
	if err != nil {
		return out, err
	}
	i.Text = strings.ReplaceAll(i.Text, "\r\n", "\n")
	if err := i.valid(); err != nil {
		return out, err
	}
	if i.Path == "" {
		return i.read(ctx, p, "", "")
	}
	dir, err := d.checkout(ctx, p.Name, p.Commit)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return i.read(ctx, p, dir, filepath.Join(dir, "files"))
}

// read reads the inventory with files of a checkout; a text needs none.
func (i *Inventory) read(ctx context.Context, p Project, dir, files string) (out Hosts, err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "goodstate-inventory-"); err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	source, err := i.source(p, dir, files)
	if err != nil {
		return out, err
	}
	load := func(path string) (any, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return yaml11.Load(path, text, yaml11.Options{Open: func(string) (string, error) { return "", nil }})
	}
	bare := strings.NewReplacer(filepath.Join(dir, "files")+"/", "", filepath.Join(dir, "inventory")+":", "line ", filepath.Join(dir, "inventory"), "the text", dir+"/", "")
	options := inventory.Options{Load: load, Decrypt: func(_ string, text []byte) ([]byte, error) { return text, nil }, Warn: func(text string) { out.Said = append(out.Said, bare.Replace(text)) }}
	inv, err := inventory.Load(ctx, []string{source}, options)
	if err != nil {
		return out, errors.New(bare.Replace(err.Error()))
	}
	switch out.Count = len(inv.Hosts()); {
	case slices.ContainsFunc(out.Said, func(said string) bool { return strings.HasPrefix(said, "No inventory was parsed") }):
		return Hosts{}, fmt.Errorf("it cannot be read:\n%s", strings.Join(out.Said[:len(out.Said)-1], "\n"))
	case out.Count == 0:
		return out, fmt.Errorf("there is no host in it: %s", strings.Join(out.Said, "; "))
	}
	for _, g := range inv.Groups() {
		var names []string
		for _, h := range g.Hosts() {
			names = append(names, h.Name)
		}
		if len(names) > 0 {
			out.Groups = append(out.Groups, Members{g.Name, len(names), state.Fold(names)})
		}
	}
	return out, nil
}
