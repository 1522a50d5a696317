package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Blind says that the plan has a part of which nobody can tell which tables it touches: a restore point for it holds all tables.
func (p Plan) Blind() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Op == Run })
}

// Tables lists all tables of the service: those where the connection looks first, without goose's and our own.
func (d *Database) Tables(ctx context.Context) (out []Name, err error) {
	query := map[string]string{
		Postgres: "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name",
		MySQL:    "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY table_name",
		SQLite:   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
	}[d.config.Driver]
	err = d.session(ctx, false, func(s *session) error {
		names, err := s.strings(ctx, query)
		for _, name := range names {
			if name != stateTable && name != d.config.Table && !strings.HasPrefix(name, "_goodstate_") {
				out = append(out, Name{Name: name})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	return out, nil
}
