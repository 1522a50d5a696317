package migrate

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Snapshot is what tables held at a time, as digests: it can prove that rows are the same, and holds no data.
type Snapshot struct {
	Tables []TableSnapshot `json:"tables"`
}

// TableSnapshot holds a digest of each row by the digest of its key. A table without a primary key is counted by its whole rows.
type TableSnapshot struct {
	Table   Name              `json:"table"`
	Key     []string          `json:"key"`
	Columns []string          `json:"columns"`
	Count   int64             `json:"count"`
	Rows    map[string]string `json:"rows,omitempty"`
	Over    bool              `json:"over,omitempty"` // more rows than were asked for: only counted
}

// Comparison says what became of the rows of a snapshot.
type Comparison struct {
	Table      string   `json:"table"`
	Compared   int64    `json:"compared"` // rows of the snapshot that were looked for
	Same       int64    `json:"same"`
	Changed    int64    `json:"changed"`
	Missing    int64    `json:"missing"`
	Added      int64    `json:"added"` // rows that were not in the snapshot
	ChangedAt  []string `json:"changed_at,omitempty"`
	MissingAt  []string `json:"missing_at,omitempty"`
	Uncompared string   `json:"uncompared,omitempty"` // why rows were not compared one by one
}

// Snapshot reads the tables in one transaction, so that they fit together. Of a table with more than most rows only their
// number is taken. Tables that are not there are left out.
func (d *Database) Snapshot(ctx context.Context, tables []Name, most int64) (out Snapshot, err error) {
	err = d.consistent(ctx, func(s *session) error {
		for _, table := range tables {
			columns, err := s.engine.columns(ctx, s, table)
			if err != nil || len(columns) == 0 {
				if err != nil {
					return fmt.Errorf("read the columns of %s: %w", table, err)
				}
				continue
			}
			key, err := s.engine.key(ctx, s, table)
			if err != nil {
				return fmt.Errorf("read the key of %s: %w", table, err)
			}
			t := TableSnapshot{Table: table, Key: key, Columns: columns, Rows: map[string]string{}}
			if t.Count, err = s.count(ctx, "SELECT count(*) FROM "+s.name(table)); err != nil {
				return fmt.Errorf("count the rows of %s: %w", table, err)
			}
			if t.Over = t.Count > most; !t.Over {
				if err := s.digests(ctx, &t, func(key, _, row string) { t.Rows[key] = row }); err != nil {
					return fmt.Errorf("read the rows of %s: %w", table, err)
				}
			}
			out.Tables = append(out.Tables, t)
		}
		return nil
	})
	return out, err
}

// Compare looks for each row of the snapshot. It reads the columns that the tables had then.
func (d *Database) Compare(ctx context.Context, snap Snapshot) (out []Comparison, err error) {
	err = d.consistent(ctx, func(s *session) error {
		for _, t := range snap.Tables {
			c := Comparison{Table: t.Table.String()}
			if t.Over {
				n, err := s.count(ctx, "SELECT count(*) FROM "+s.name(t.Table))
				if err != nil {
					return fmt.Errorf("count the rows of %s: %w", t.Table, err)
				}
				c.Uncompared = fmt.Sprintf("it had %d rows, more than are compared one by one; now it has %d", t.Count, n)
				out = append(out, c)
				continue
			}
			left := maps.Clone(t.Rows)
			err := s.digests(ctx, &t, func(key, words, row string) {
				was, known := left[key]
				delete(left, key)
				switch {
				case !known:
					c.Added++
				case was == row:
					c.Same++
				default:
					if c.Changed++; len(c.ChangedAt) < mostKeys {
						c.ChangedAt = append(c.ChangedAt, words)
					}
				}
			})
			if err != nil {
				return fmt.Errorf("compare the rows of %s: %w", t.Table, err)
			}
			c.Missing = int64(len(left))
			c.Compared = c.Same + c.Changed + c.Missing
			for _, key := range slices.Sorted(maps.Keys(left)) {
				if len(c.MissingAt) < mostKeys {
					c.MissingAt = append(c.MissingAt, key)
				}
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// consistent runs f in a transaction that sees one moment.
func (d *Database) consistent(ctx context.Context, f func(*session) error) error {
	return d.session(ctx, false, func(s *session) (err error) {
		if d.config.Driver == SQLite { // a transaction of the driver would keep others from writing
			if _, err := s.conn.ExecContext(ctx, "BEGIN DEFERRED"); err != nil {
				return fmt.Errorf("begin to read: %w", err)
			}
			err := f(s)
			_, over := s.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			return errors.Join(err, over)
		}
		if s.tx, err = s.conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}); err != nil {
			return fmt.Errorf("begin to read: %w", err)
		}
		defer func() {
			_ = s.tx.Rollback() // it only read
			s.tx = nil
		}()
		return f(s)
	})
}

// digests calls f with the key, the key in words and the digest of each row. Rows without a key have their digest and a
// number as one, so that equal rows are counted.
func (s *session) digests(ctx context.Context, t *TableSnapshot, f func(key, words, row string)) error {
	seen := map[string]int{}
	return s.eachRow(ctx, t.Table, slices.Concat(t.Key, t.Columns), func(values []sql.NullString) error {
		row := digest(values[len(t.Key):])
		if len(t.Key) == 0 {
			seen[row]++
			f(fmt.Sprintf("%s-%d", row, seen[row]), "a row without a key", row)
			return nil
		}
		words := make([]string, len(t.Key))
		for i := range words {
			words[i] = values[i].String
		}
		key := strings.Join(words, ", ")
		if len(key) > 64 || len(words) > 1 {
			key = digest(values[:len(t.Key)])
		}
		f(key, strings.Join(words, ", "), row)
		return nil
	}, "")
}

// eachRow reads columns as text, the same text on every reading.
func (s *session) eachRow(ctx context.Context, table Name, columns []string, f func([]sql.NullString) error, order string) error {
	cols := make([]string, len(columns))
	var exact map[string]string
	if e, ok := s.engine.(mariadb); ok {
		var err error
		if exact, err = e.exact(ctx, s, table); err != nil {
			return err
		}
	}
	for i, c := range columns {
		cols[i] = s.id(c)
		switch s.config.Driver {
		case Postgres:
			cols[i] += "::text"
		case SQLite:
			cols[i] = "quote(" + cols[i] + ")"
		case MySQL:
			if as := exact[c]; as != "" {
				cols[i] = "CAST(" + cols[i] + " AS " + as + ")"
			}
		}
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	return s.each(ctx, func(scan func(...any) error) error {
		if err := scan(into...); err != nil {
			return err
		}
		return f(values)
	}, "SELECT "+strings.Join(cols, ", ")+" FROM "+s.name(table)+order)
}

func digest(values []sql.NullString) string {
	h := sha256.New()
	for _, v := range values {
		n := int64(-1)
		if v.Valid {
			n = int64(len(v.String))
		}
		h.Write(binary.AppendVarint(nil, n))
		h.Write([]byte(v.String))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// String is the comparison in words.
func (c Comparison) String() string {
	if c.Uncompared != "" {
		return c.Table + ": " + c.Uncompared
	}
	text := fmt.Sprintf("%s: %d rows compared, %d the same", c.Table, c.Compared, c.Same)
	if c.Changed > 0 {
		text += fmt.Sprintf(", %d changed", c.Changed)
	}
	if c.Missing > 0 {
		text += fmt.Sprintf(", %d missing", c.Missing)
	}
	return text + fmt.Sprintf(", %d written since", c.Added)
}
