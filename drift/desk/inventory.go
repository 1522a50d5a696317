package desk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Inventory says which hosts there are: a file, a folder or a script of the project, or text that was edited in the page.
type Inventory struct {
	Project string `json:"project"`
	Name    string `json:"name"`
	Path    string `json:"path,omitempty" doc:"in the project; a script is run if the project allows it"`
	Text    string `json:"text,omitempty" doc:"INI or YAML"`
}

const longestInventory = 4 << 20

func (i *Inventory) key() (kind, project, name string) { return kindInventory, i.Project, i.Name }

func (i *Inventory) valid() error {
	switch {
	case (i.Path == "") == (strings.TrimSpace(i.Text) == ""):
		return fmt.Errorf("want either a path in the project or a text")
	case len(i.Text) > longestInventory:
		return fmt.Errorf("its text has %d bytes, want at most %d", len(i.Text), longestInventory)
	case i.Path != "" && !filepath.IsLocal(i.Path):
		return fmt.Errorf("%.80q leads out of the project; want a path in it", i.Path)
	}
	return nil
}

// Inventories lists those of a project.
func (d *Desk) Inventories(ctx context.Context, project string) ([]Inventory, error) {
	return list[Inventory](ctx, d, kindInventory, project)
}

// Inventory reads one.
func (d *Desk) Inventory(ctx context.Context, project, name string) (Inventory, error) {
	return find[Inventory](ctx, d, kindInventory, project, name)
}

// PutInventory adds or changes an inventory. A text that cannot be read as one is refused.
func (d *Desk) PutInventory(ctx context.Context, who string, i Inventory) error {
	if _, err := d.Project(ctx, i.Project); err != nil {
		return err
	}
	i.Text = strings.ReplaceAll(i.Text, "\r\n", "\n")
	if i.Text != "" {
		if _, err := d.Hosts(ctx, i); err != nil {
			return err
		}
	}
	if err := d.put(ctx, &i); err != nil {
		return err
	}
	return d.say(ctx, who, "inventory-changed", i.Project, "inventory "+i.Name+" of project "+i.Project+" is changed")
}

// write lays a text down where the engine can read it. It is never a program.
func (i *Inventory) write(dir string) (string, error) {
	path := filepath.Join(dir, "inventory")
	return path, os.WriteFile(path, []byte(strings.TrimRight(i.Text, "\n")+"\n"), 0o600)
}

// source is where the inventory of a run lies.
func (i *Inventory) source(p Project, dir, files string) (string, error) {
	if i.Path == "" {
		return i.write(dir)
	}
	path, err := inside(files, i.Path)
	if err != nil || p.Local {
		return path, err
	}
	return path, filepath.WalkDir(path, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode()&0o111 != 0 && e.Type().IsRegular() {
			return fmt.Errorf("inventory %s: %s is a script, which would run on the controller; allow it for project %s", i.Name, filepath.Base(path), p.Name)
		}
		return err
	})
}

// RemoveInventory forgets an inventory.
func (d *Desk) RemoveInventory(ctx context.Context, who, project, name string) error {
	if err := d.remove(ctx, kindInventory, project, name); err != nil {
		return err
	}
	return d.say(ctx, who, "inventory-removed", project, "inventory "+name+" of project "+project+" is removed")
}
