package web

import (
	"context"
	"net/http"
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// longestEdited is the longest text that a page lets people edit, in bytes: the page stays small, and so does the form that comes back.
const longestEdited = 200 << 10

// inventoryChoice is what an inventory's form shows besides.
type inventoryChoice struct {
	Long bool // its text is too long for a page
	Size int64
}

func (s *site) inventories(mux *http.ServeMux) { edits(s, mux, s.inventoryEditor()) }

func (s *site) inventoryEditor() editor[desk.Inventory] {
	return editor[desk.Inventory]{
		kind: "inventories", one: "inventory", find: s.Desk.Inventory, remove: s.Desk.RemoveInventory,
		read: func(r *http.Request, project, name string, old desk.Inventory) (desk.Inventory, error) {
			i := desk.Inventory{Project: project, Name: name, Path: strings.TrimSpace(r.PostFormValue("path")), Text: r.PostFormValue("text")}
			if i.Path == "" && i.Text == "" && len(old.Text) > longestEdited { // its form has no text
				i.Text = old.Text
			}
			return i, nil
		},
		check: func(ctx context.Context, i desk.Inventory) (any, error) { return s.Desk.Hosts(ctx, i) },
		put: func(ctx context.Context, _ *http.Request, who string, i desk.Inventory) error {
			return s.Desk.PutInventory(ctx, who, i)
		},
		more: func(_ context.Context, _ string, i desk.Inventory) (any, error) {
			return inventoryChoice{len(i.Text) > longestEdited, int64(len(i.Text))}, nil
		},
		command: func(project, name string, i desk.Inventory) string {
			from := []string{"--text", "FILE"}
			if i.Path != "" {
				from = []string{"--path", i.Path}
			}
			return sh(append([]string{"goodstate", "project", "inventory", project, name}, from...)...)
		},
		forget: func(project, name string) string {
			return sh("goodstate", "project", "inventory", project, name, "--remove")
		},
	}
}
