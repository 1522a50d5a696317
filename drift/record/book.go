// Package record keeps what runs of playbooks saw of hosts, and reads it for pages, reports and the command line. It writes each row as it comes, so
// that a run can be followed and a killed one has left what it knew. Diffs that may hold secrets are never written.
package record

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Book is the record of drift in a data directory.
type Book struct {
	db  *sql.DB
	key []byte // of all hashes, so that a secret cannot be guessed from them; nil for readers
}

// keyFile holds the key of fingerprints in the data directory. With another key everything looks like a changed playbook, once.
const keyFile = "drift.key"

// Open is for the owner of the data directory; it makes the key of fingerprints if there is none.
func Open(s *store.Store) (*Book, error) {
	path := filepath.Join(s.Dir(), keyFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = newKey(path)
	}
	if err != nil {
		return nil, store.Advise(fmt.Errorf("key of fingerprints %s: %w", path, err))
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("key of fingerprints %s has %d bytes, want 32: put back a copy, or remove it and let every playbook run once", path, len(key))
	}
	return &Book{db: s.DB(), key: key}, nil
}

// Reader only reads, whoever owns the data directory.
func Reader(s *store.Store) *Book { return &Book{db: s.DB()} }

// newKey writes the key whole or not at all.
func newKey(path string) ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), keyFile+".*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name()) // gone once it has its name
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return key, os.Rename(f.Name(), path)
}

// Fingerprint is the keyed hash of parts, and tells ("a", "b") from ("ab").
func (b *Book) Fingerprint(parts ...[]byte) string {
	h := hmac.New(sha256.New, b.key)
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (b *Book) hash(parts ...string) string {
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		raw[i] = []byte(p)
	}
	return b.Fingerprint(raw...)
}

// millis is a time as rows have it; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// read reads all rows of a query.
func read[T any](ctx context.Context, db *sql.DB, what string, scan func(scan func(...any) error) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, store.Advise(fmt.Errorf("read %s: %w", what, err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, store.Advise(fmt.Errorf("read %s: %w", what, err))
	}
	return out, nil
}
