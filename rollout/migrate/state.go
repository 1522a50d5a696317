package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3/database"
)

// stateTable notes in the user's database what was done, so that a killed controller, or another one, can go on or back.
const stateTable = "goodstate_migrations"

// States of a row. A row with the number 0 is the plan itself; each other row is a change.
const (
	doing   = "doing"   // begun, on databases that cannot do it in a transaction
	done    = "done"    // carried out
	undoing = "undoing" // its way back has begun
	undone  = "undone"  // brought back, while other changes of the plan are not

	planOpen = "open" // the watch is not over
	planOver = "over" // contracted; what was put aside is still kept
	planBack = "back" // undone; what the abandoned release wrote is still kept
)

// row is what is known about a change that was begun.
type row struct {
	Seq   int
	State string
	Undo  undo
	At    int64 // seconds since 1970
}

// undo is what is needed to bring back what was before a change.
type undo struct {
	Change  Change          `json:"change"`
	Table   Name            `json:"table,omitzero"`   // as the database resolved it
	None    bool            `json:"none,omitempty"`   // it changed nothing
	Before  json.RawMessage `json:"before,omitempty"` // definition of the table
	Look    string          `json:"look,omitempty"`   // definition when the statement in flight was sent
	Aside   Name            `json:"aside,omitzero"`   // where data was put
	Column  string          `json:"column,omitempty"` // the put-aside column's name
	Marker  string          `json:"marker,omitempty"` // column that is true in rows that were written meanwhile
	Key     []string        `json:"key,omitempty"`
	Columns []string        `json:"columns,omitempty"`
	Left    []Name          `json:"left,omitempty"` // put aside on the way back: what the abandoned release wrote
	Result  TableReport     `json:"result"`
	Broken  []string        `json:"broken,omitempty"`
}

// header is the row of the plan.
type header struct {
	State  string
	Try    int
	Plan   Plan
	Rows   []undo // of an ended plan: what is still put aside
	Report Report
	At     int64
	Clean  bool // nothing is put aside any more
}

func (s *session) prepare(ctx context.Context) error {
	text := "CREATE TABLE IF NOT EXISTS " + stateTable + ` (
  plan varchar(40) NOT NULL,
  seq integer NOT NULL,
  state varchar(16) NOT NULL,
  place varchar(300) NOT NULL,
  details text NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (plan, seq)
)`
	if s.config.Driver == MySQL {
		text = text[:len(text)-len("text NOT NULL,\n  at bigint NOT NULL,\n  PRIMARY KEY (plan, seq)\n)")] +
			"longtext NOT NULL,\n  at bigint NOT NULL,\n  PRIMARY KEY (plan, seq)\n) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	}
	if there, err := s.hasTable(ctx, stateTable); err != nil || there {
		return err
	}
	if _, err := s.exec(ctx, text); err != nil {
		return fmt.Errorf("create the table %s, in which it is noted what was done: %w", stateTable, err)
	}
	return nil
}

func (s *session) hasTable(ctx context.Context, name string) (bool, error) {
	at := Name{Name: name}
	if schema, table, ok := strings.Cut(name, "."); ok { // goose's table may be somewhere else
		at = Name{schema, table}
	}
	columns, err := s.engine.columns(ctx, s, at)
	if err != nil {
		return false, fmt.Errorf("look for the table %s: %w", name, err)
	}
	return len(columns) > 0, nil
}

// applied are the versions that goose has noted.
func (s *session) applied(ctx context.Context) (map[int64]bool, error) {
	there, err := s.hasTable(ctx, s.config.Table)
	if err != nil || !there {
		return nil, err
	}
	rows, err := s.goose.ListMigrations(ctx, s.on())
	if err != nil {
		return nil, fmt.Errorf("read goose's versions from %s: %w", s.config.Table, err)
	}
	out, seen := map[int64]bool{}, map[int64]bool{}
	for _, r := range rows { // the newest first
		if !seen[r.Version] && r.IsApplied && r.Version > 0 {
			out[r.Version] = true
		}
		seen[r.Version] = true
	}
	return out, nil
}

func (s *session) on() database.DBTxConn {
	if s.tx != nil {
		return s.tx
	}
	return s.conn
}

// openPlan is the id of a plan that did something and is not ended.
func (s *session) openPlan(ctx context.Context) (id string, err error) {
	if there, err := s.hasTable(ctx, stateTable); err != nil || !there {
		return "", err
	}
	_, err = s.one(ctx, []any{&id}, "SELECT plan FROM "+stateTable+" p WHERE seq = 0 AND state = ? AND EXISTS (SELECT 1 FROM "+stateTable+" c WHERE c.plan = p.plan AND c.seq > 0)", planOpen)
	return id, err
}

func (s *session) header(ctx context.Context, plan string) (h header, found bool, err error) {
	var details string
	found, err = s.one(ctx, []any{&h.State, &details, &h.At}, "SELECT state, details, at FROM "+stateTable+" WHERE plan = ? AND seq = 0", plan)
	if err == nil && found {
		state, at := h.State, h.At
		err = json.Unmarshal([]byte(details), &h)
		h.State, h.At = state, at
	}
	if err != nil {
		return h, false, fmt.Errorf("read the state of plan %s from %s: %w", plan, stateTable, err)
	}
	return h, found, nil
}

// Current is the plan that did something to this database and is not ended; open is false where there is none. It is how
// somebody who lost a plan goes on with it, or back.
func (d *Database) Current(ctx context.Context) (p Plan, open bool, err error) {
	err = d.session(ctx, false, func(s *session) error {
		id, err := s.openPlan(ctx)
		if err != nil || id == "" {
			return err
		}
		h, found, err := s.header(ctx, id)
		p, open = h.Plan, found
		return err
	})
	return p, open, err
}

func (s *session) putHeader(ctx context.Context, h header) error {
	return s.put(ctx, h.Plan.ID, 0, h.State, "", h)
}

// rows are the changes of the plan that were begun, the first first.
func (s *session) rows(ctx context.Context) (out []row, err error) {
	err = s.each(ctx, func(scan func(...any) error) error {
		var r row
		var details string
		if err := scan(&r.Seq, &r.State, &details, &r.At); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(details), &r.Undo); err != nil {
			return err
		}
		out = append(out, r)
		return nil
	}, "SELECT seq, state, details, at FROM "+stateTable+" WHERE plan = ? AND seq > 0 ORDER BY seq", s.plan)
	if err != nil {
		return nil, fmt.Errorf("read what plan %s did from %s: %w", s.plan, stateTable, err)
	}
	return out, nil
}

func (s *session) save(ctx context.Context, r *row) error {
	return s.put(ctx, s.plan, r.Seq, r.State, r.Undo.Change.Place(), r.Undo)
}

func (s *session) put(ctx context.Context, plan string, seq int, state, place string, details any) error {
	data, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("write the state of plan %s: %w", plan, err)
	}
	text := "INSERT INTO " + stateTable + " (plan, seq, state, place, details, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (plan, seq) DO UPDATE SET state = excluded.state, details = excluded.details, at = excluded.at"
	if s.config.Driver == MySQL {
		text = "REPLACE INTO " + stateTable + " (plan, seq, state, place, details, at) VALUES (?, ?, ?, ?, ?, ?)"
	}
	short := []rune(place)
	if _, err := s.exec(ctx, text, plan, seq, state, string(short[:min(len(short), 300)]), string(data), s.now().Unix()); err != nil {
		return fmt.Errorf("note in %s what was done: %w", stateTable, err)
	}
	return nil
}

func (s *session) forget(ctx context.Context, seq int) error {
	if _, err := s.exec(ctx, "DELETE FROM "+stateTable+" WHERE plan = ? AND seq = ?", s.plan, seq); err != nil {
		return fmt.Errorf("note in %s what was undone: %w", stateTable, err)
	}
	return nil
}
