package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/store"
)

// ErrNone says that there is no project, inventory, credential, template or schedule of a name.
var ErrNone = errors.New("there is none of that name")

// item is what is kept by name in a project.
type item interface {
	key() (kind, project, name string)
	valid() error
}

const (
	kindProject    = "project"
	kindInventory  = "inventory"
	kindCredential = "credential"
	kindTemplate   = "template"
	kindSchedule   = "schedule"
)

// checkName keeps names usable in addresses, folders and at a terminal.
func checkName(what, name string) error {
	if name == "" || len(name) > 63 {
		return fmt.Errorf("%s name %.80q, want 1 to 63 letters, digits, dots, dashes and underscores", what, name)
	}
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '-' && c != '_') {
			return fmt.Errorf("%s name %.80q, want letters, digits, dots, dashes and underscores, and a letter or digit first", what, name)
		}
	}
	return nil
}

// put keeps an item; the same name again replaces it.
func (d *Desk) put(ctx context.Context, i item) error {
	kind, project, name := i.key()
	if err := checkName(kind, name); err != nil {
		return err
	}
	if err := i.valid(); err != nil {
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	_, err = d.Store.DB().ExecContext(ctx, `INSERT INTO desk_items (kind, project, name, json) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, project, name) DO UPDATE SET json = excluded.json`, kind, project, name, string(text))
	return fault(err, "keep", kind, name)
}

func find[T any](ctx context.Context, d *Desk, kind, project, name string) (out T, err error) {
	var text string
	err = d.Store.DB().QueryRowContext(ctx, "SELECT json FROM desk_items WHERE kind = ? AND project = ? AND name = ?", kind, project, name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		where := ""
		if kind != kindProject {
			where = " of project " + project
		}
		return out, fmt.Errorf("%s %s%s: %w", kind, name, where, ErrNone)
	}
	if err != nil {
		return out, fault(err, "read", kind, name)
	}
	return out, fault(json.Unmarshal([]byte(text), &out), "read", kind, name)
}

// list is by project and name; an empty project is all.
func list[T any](ctx context.Context, d *Desk, kind, project string) (out []T, err error) {
	rows, err := d.Store.DB().QueryContext(ctx, "SELECT name, json FROM desk_items WHERE kind = ? AND (? = '' OR project = ?) ORDER BY project, name", kind, project, project)
	if err != nil {
		return nil, fault(err, "list", kind, project)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name, text string
		var v T
		if err := rows.Scan(&name, &text); err != nil {
			return nil, fault(err, "list", kind, project)
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fault(err, "read", kind, name)
		}
		out = append(out, v)
	}
	return out, fault(rows.Err(), "list", kind, project)
}

func (d *Desk) remove(ctx context.Context, kind, project, name string) error {
	done, err := d.Store.DB().ExecContext(ctx, "DELETE FROM desk_items WHERE kind = ? AND project = ? AND name = ?", kind, project, name)
	if err != nil {
		return fault(err, "remove", kind, name)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("%s %s: %w", kind, name, ErrNone))
	}
	return nil
}

func fault(err error, do, kind, name string) error {
	if err == nil {
		return nil
	}
	return store.Advise(fmt.Errorf("%s %s %s: %w", do, kind, name, err))
}
