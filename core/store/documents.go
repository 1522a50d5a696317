package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNoDocument says that a run has no document of that name.
var ErrNoDocument = errors.New("no such document")

// PutDocument keeps a value as JSON with a run: its logs, its analysis. The same name again replaces it.
func (s *Store) PutDocument(ctx context.Context, run, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("document %s of run %s: %w", name, run, err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO documents (run, name, json) VALUES (?, ?, ?) ON CONFLICT (run, name) DO UPDATE SET json = excluded.json`, run, name, string(text))
	return wrap(err, "keep document "+name+" of run", run)
}

// Document reads a document into a value; a missing one is ErrNoDocument.
func (s *Store) Document(ctx context.Context, run, name string, into any) error {
	var text string
	err := s.db.QueryRowContext(ctx, `SELECT json FROM documents WHERE run = ? AND name = ?`, run, name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s of run %s: %w", name, run, ErrNoDocument)
	}
	if err != nil {
		return wrap(err, "read document "+name+" of run", run)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("document %s of run %s: %w", name, run, err)
	}
	return nil
}
