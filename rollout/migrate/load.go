package migrate

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// LoadReport says what became of the rows of a dump.
type LoadReport struct {
	Schema int64            `json:"schema"` // version at the dump
	Rows   map[string]int64 `json:"rows"`   // brought back, by table
	Since  map[string]int64 `json:"since"`  // rows that the dump does not hold, which were written since and stay
}

// Load brings back every row of a dump: what was changed since is written over, what was deleted is inserted, and rows that
// were written since stay. All of it happens in one transaction, which is only kept if the digest at
// the dump's end is right.
func (d *Database) Load(ctx context.Context, r io.Reader) (LoadReport, error) {
	report := LoadReport{Rows: map[string]int64{}, Since: map[string]int64{}}
	err := d.session(ctx, true, func(s *session) error {
		if d.config.Driver == MySQL {
			if err := s.all(ctx, "SET SESSION foreign_key_checks = 0"); err != nil {
				return err
			}
			defer func() { _ = s.all(context.WithoutCancel(ctx), "SET SESSION foreign_key_checks = 1") }() // the connection may be used again
		}
		return s.within(ctx, func() error { return s.load(ctx, r, &report) })
	})
	if err != nil {
		return report, fmt.Errorf("load the dump: %w", err)
	}
	return report, nil
}

func (s *session) load(ctx context.Context, r io.Reader, report *LoadReport) error {
	in := bufio.NewReaderSize(r, 1<<20)
	sum := sha256.New()
	var head dumpHead
	var into *loading
	total := int64(0)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("line %d: it ends without its digest, so it is not whole: %w", n, err)
		}
		switch {
		case n == 1:
			if err := json.Unmarshal(line, &head); err != nil || head.Format != dumpFormat || head.Driver != s.config.Driver {
				return fmt.Errorf("this is no dump of a %s database in format %d", s.config.Driver, dumpFormat)
			}
			report.Schema = head.Schema
		case line[0] == '[':
			if into == nil {
				return fmt.Errorf("line %d: a row before its table", n)
			}
			if err := into.row(ctx, s, line); err != nil {
				return fmt.Errorf("line %d, %s: %w", n, into.table, err)
			}
			report.Rows[into.table.String()]++
			total++
		default:
			var end dumpEnd
			if err := json.Unmarshal(line, &end); err == nil && end.Digest != "" {
				if want := hex.EncodeToString(sum.Sum(nil)); end.Digest != want || end.Rows != total {
					return fmt.Errorf("its digest is %s, want %s: it was changed since it was written, and nothing of it is kept", want, end.Digest)
				}
				return s.since(ctx, report)
			}
			var table dumpTable
			if err := json.Unmarshal(line, &table); err != nil || table.Table.Name == "" {
				return fmt.Errorf("line %d: neither a table nor a row", n)
			}
			if into, err = s.loading(ctx, table); err != nil {
				return fmt.Errorf("%s: %w", table.Table, err)
			}
			report.Rows[table.Table.String()] = 0
		}
		sum.Write(line)
	}
}

// since counts what the dump does not hold.
func (s *session) since(ctx context.Context, report *LoadReport) error {
	for table, n := range report.Rows {
		schema, name, qualified := strings.Cut(table, ".")
		at := Name{schema, name}
		if !qualified {
			at = Name{Name: table}
		}
		now, err := s.count(ctx, "SELECT count(*) FROM "+s.name(at))
		if err != nil {
			return err
		}
		report.Since[table] = now - n
	}
	return nil
}

// loading inserts the rows of one table, or writes them over those with the same key.
type loading struct {
	table   Name
	columns []string
	text    string // up to the values
	tail    string
	types   []string // PostgreSQL's
}

func (s *session) loading(ctx context.Context, t dumpTable) (*loading, error) {
	have, err := s.engine.columns(ctx, s, t.Table)
	if err != nil {
		return nil, err
	}
	key, err := s.engine.key(ctx, s, t.Table)
	if err != nil {
		return nil, err
	}
	for _, column := range t.Columns {
		if !slices.Contains(have, column) {
			return nil, fmt.Errorf("it has no column %s any more; bring back the schema of the dump first", column)
		}
	}
	n, err := s.count(ctx, "SELECT count(*) FROM "+s.name(t.Table))
	if err != nil {
		return nil, err
	}
	if len(key) == 0 && n > 0 {
		return nil, fmt.Errorf("it has %d rows and no primary key, so it cannot be told which of them the dump holds; empty it first", n)
	}
	l := &loading{table: t.Table, columns: t.Columns, text: "INSERT INTO " + s.name(t.Table) + " (" + s.id(t.Columns...) + ") "}
	var set []string
	for _, column := range t.Columns {
		if s.config.Driver == MySQL {
			set = append(set, s.id(column)+" = VALUES("+s.id(column)+")")
		} else if !slices.Contains(key, column) {
			set = append(set, s.id(column)+" = excluded."+s.id(column))
		}
	}
	switch {
	case len(key) == 0:
	case s.config.Driver == MySQL:
		l.tail = " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	case len(set) == 0:
		l.tail = " ON CONFLICT (" + s.id(key...) + ") DO NOTHING"
	default:
		l.tail = " ON CONFLICT (" + s.id(key...) + ") DO UPDATE SET " + strings.Join(set, ", ")
	}
	if p, ok := s.engine.(postgres); ok {
		l.text += "OVERRIDING SYSTEM VALUE "
		definition, err := p.table(ctx, s, t.Table)
		if err != nil {
			return nil, err
		}
		for _, column := range t.Columns {
			c, _ := definition.column(column)
			typ, _, _ := strings.Cut(c.Type, " COLLATE ")
			l.types = append(l.types, typ)
		}
	}
	return l, nil
}

func (l *loading) row(ctx context.Context, s *session, line []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil || len(raw) != len(l.columns) {
		return fmt.Errorf("%d values, want %d", len(raw), len(l.columns))
	}
	values := make([]string, len(raw))
	var args []any
	for i, v := range raw {
		text, null, err := dumped(v)
		if err != nil {
			return err
		}
		switch {
		case null:
			values[i] = "NULL"
		case s.config.Driver == SQLite: // there the text is a literal, whose type belongs to it
			if values[i], err = liteLiteral(text); err != nil {
				return err
			}
		case s.config.Driver == Postgres:
			args = append(args, text)
			values[i] = "?::text::" + l.types[i]
		default:
			args = append(args, []byte(text))
			values[i] = "?"
		}
	}
	_, err := s.exec(ctx, l.text+"VALUES ("+strings.Join(values, ", ")+")"+l.tail, args...)
	return err
}

func dumped(v json.RawMessage) (text string, null bool, err error) {
	if string(v) == "null" {
		return "", true, nil
	}
	if v[0] != '{' {
		return text, false, json.Unmarshal(v, &text)
	}
	var binary struct {
		Hex string `json:"hex"`
	}
	if err := json.Unmarshal(v, &binary); err != nil {
		return "", false, err
	}
	data, err := hex.DecodeString(binary.Hex)
	return string(data), false, err
}

// liteLiteral makes sure that a text is one literal and nothing more.
func liteLiteral(text string) (string, error) {
	toks, err := tokens(SQLite, text)
	if err != nil {
		return "", err
	}
	for len(toks) > 1 && (toks[0].sign("-") || toks[0].is("X")) {
		toks = toks[1:]
	}
	floating := len(toks) == 3 && toks[0].kind == literal && (toks[1].sign("-") || toks[1].sign("+")) && toks[2].kind == literal // 1e-7
	if len(toks) == 1 && (toks[0].kind == literal || toks[0].is("NULL")) || floating {
		return text, nil
	}
	return "", fmt.Errorf("%q is not one value", excerpt(text))
}
