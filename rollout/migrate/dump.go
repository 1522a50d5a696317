package migrate

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"
	"unicode/utf8"
)

// A dump is lines of JSON: a head, then for each table its head and a line for each row, and at last the number of rows and
// the SHA-256 of all lines before. It is the restore point of a migration that cannot be undone.

const dumpFormat = 1

type dumpHead struct {
	Format int       `json:"goodstate_dump"`
	Driver string    `json:"driver"`
	At     time.Time `json:"at"`
	Schema int64     `json:"schema"` // version
}

type dumpTable struct {
	Table   Name     `json:"table"`
	Columns []string `json:"columns"`
}

type dumpEnd struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// DumpResult says what a dump holds.
type DumpResult struct {
	Rows   map[string]int64 `json:"rows"`   // by table
	Digest string           `json:"digest"` // SHA-256 in hex; the dump can be named by it
}

// Dump writes the rows of tables as they were at one moment, so that they fit together. Tables that are not there are left
// out. It reads without keeping others from writing.
func (d *Database) Dump(ctx context.Context, tables []Name, w io.Writer) (DumpResult, error) {
	out := DumpResult{Rows: map[string]int64{}}
	version, err := d.Version(ctx)
	if err != nil {
		return out, err
	}
	lines := &digested{w: bufio.NewWriter(w), sum: sha256.New()}
	err = d.consistent(ctx, func(s *session) error {
		if err := lines.put(dumpHead{dumpFormat, d.config.Driver, d.now().UTC(), version}); err != nil {
			return err
		}
		for _, table := range tables {
			n, err := s.dumpTable(ctx, table, lines)
			if err != nil {
				return fmt.Errorf("dump %s: %w", table, err)
			}
			if n >= 0 {
				out.Rows[table.String()] = n
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	end := dumpEnd{Digest: hex.EncodeToString(lines.sum.Sum(nil))}
	for _, n := range out.Rows {
		end.Rows += n
	}
	if err := lines.put(end); err != nil {
		return out, err
	}
	out.Digest = end.Digest
	if err := lines.w.Flush(); err != nil {
		return out, fmt.Errorf("write the dump: %w", err)
	}
	return out, nil
}

// dumpTable writes a table; -1 means that it is not there.
func (s *session) dumpTable(ctx context.Context, table Name, lines *digested) (int64, error) {
	columns, err := s.engine.columns(ctx, s, table)
	if err != nil || len(columns) == 0 {
		return -1, err
	}
	if e, ok := s.engine.(interface {
		writable(context.Context, *session, Name) ([]string, error)
	}); ok {
		if columns, err = e.writable(ctx, s, table); err != nil {
			return 0, err
		}
	}
	if err := lines.put(dumpTable{table, columns}); err != nil {
		return 0, err
	}
	key, err := s.engine.key(ctx, s, table)
	if err != nil {
		return 0, err
	}
	order := ""
	if len(key) > 0 {
		order = " ORDER BY " + s.id(key...)
	}
	n := int64(0)
	err = s.eachRow(ctx, table, columns, func(values []sql.NullString) error {
		n++
		row := make([]any, len(values))
		for i, v := range values {
			switch {
			case !v.Valid:
			case utf8.ValidString(v.String):
				row[i] = v.String
			default:
				row[i] = map[string]string{"hex": hex.EncodeToString([]byte(v.String))}
			}
		}
		return lines.put(row)
	}, order)
	return n, err
}

// digested writes lines and sums them up.
type digested struct {
	w   *bufio.Writer
	sum hash.Hash
}

func (l *digested) put(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the dump: %w", err)
	}
	data = append(data, '\n')
	l.sum.Write(data)
	if _, err := l.w.Write(data); err != nil {
		return fmt.Errorf("write the dump: %w", err)
	}
	return nil
}
