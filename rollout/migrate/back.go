package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Report is what a way back brought back.
type Report struct {
	Plan           string        `json:"plan"`
	Version        int64         `json:"version"` // of the schema afterwards
	SchemaRestored bool          `json:"schema_restored"`
	Tables         []TableReport `json:"tables,omitempty"`
	Lost           int64         `json:"rows_lost"` // rows or values that could not be put back; Problems names them, and they are still put aside
	Problems       []string      `json:"problems,omitempty"`
}

// TableReport counts the rows of a table on the way back.
type TableReport struct {
	Table     string   `json:"table"`
	Rows      int64    `json:"rows"`                // now
	Restored  int64    `json:"restored"`            // got a put-aside value, or are there again
	Meanwhile int64    `json:"meanwhile"`           // were written while data was put aside, and stay
	Filled    int64    `json:"filled"`              // of those, the rows that got a value because the old schema wants one
	FilledAt  []string `json:"filled_at,omitempty"` // their keys, the first hundred
	Kept      int64    `json:"kept"`                // rows or values of the abandoned release that the old schema has no place for; they are put aside
	KeptIn    string   `json:"kept_in,omitempty"`
	Lost      int64    `json:"lost"`
}

// most keys that a report names.
const mostKeys = 100

// Back undoes what the plan did, in reverse, with the data. It is harmless to call it again, also after it was killed: it
// goes on where it was. What the abandoned release wrote and the old schema has no place for is put aside, not destroyed.
func (d *Database) Back(ctx context.Context, p Plan) (Report, error) {
	var report Report
	err := d.session(ctx, true, func(s *session) error {
		s.plan = p.ID
		report = Report{Plan: p.ID, Version: p.From, SchemaRestored: true}
		if there, err := s.hasTable(ctx, stateTable); err != nil || !there {
			return err
		}
		h, found, err := s.header(ctx, p.ID)
		if err != nil || !found {
			return err
		}
		if h.State == planBack {
			report = h.Report
			return nil
		}
		if h.Clean {
			return fmt.Errorf("go back from plan %s: what it put aside was removed when it had been kept for %s; only a restore point can bring it back", p.ID, s.config.Keep)
		}
		if err := s.later(ctx, h); err != nil {
			return err
		}
		s.try = h.Try
		at := Change{}
		work := func() error { return s.back(ctx, h, &report, &at) }
		once := work
		if s.engine.transactional() {
			once = func() error { return s.within(ctx, work) }
		}
		if err := s.patiently(ctx, once); err != nil {
			err = s.explain(ctx, at, err)
			left, lookErr := s.rows(context.WithoutCancel(ctx))
			if lookErr != nil {
				return fmt.Errorf("go back from plan %s: %w", p.ID, err)
			}
			left = slices.DeleteFunc(left, func(r row) bool { return r.State == undone })
			return fmt.Errorf("go back from plan %s: %w; %d changes are still in force and everything that was put aside is kept; remove the cause and call Back again", p.ID, err, len(left))
		}
		return nil
	})
	return report, err
}

// later refuses to go back behind a plan that came after.
func (s *session) later(ctx context.Context, h header) error {
	plans, err := s.strings(ctx, "SELECT plan FROM "+stateTable+" WHERE seq = 0 AND state <> ? AND plan <> ?", planBack, h.Plan.ID)
	if err != nil {
		return fmt.Errorf("look for later plans: %w", err)
	}
	for _, id := range plans {
		other, _, err := s.header(ctx, id)
		if err != nil {
			return err
		}
		begun, err := s.count(ctx, "SELECT count(*) FROM "+stateTable+" WHERE plan = ? AND seq > 0", id)
		if err != nil {
			return err
		}
		if other.Plan.From >= h.Plan.To && (begun > 0 || other.State == planOver) {
			return fmt.Errorf("go back from plan %s: plan %s came after it; go back from that first", h.Plan.ID, id)
		}
	}
	return nil
}

func (s *session) back(ctx context.Context, h header, report *Report, at *Change) error {
	rows, err := s.rows(ctx)
	if err != nil {
		return err
	}
	// As they were done: what had to wait until the watch was over came after all the rest, whatever its place in the files.
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(late(a), late(b)) })
	for i := range slices.Backward(rows) {
		r := &rows[i]
		if r.State == undone {
			continue
		}
		*at = r.Undo.Change
		if err := s.undoRow(ctx, r); err != nil {
			return err
		}
	}
	return s.within(ctx, func() error { return s.ended(ctx, h, rows, report) })
}

func late(r row) int {
	if r.Undo.Change.Phase == Contract {
		return 1
	}
	return 0
}

// undoRow brings back what was before one change, and notes that.
func (s *session) undoRow(ctx context.Context, r *row) error {
	if !r.Undo.None {
		if err := s.engine.undo(ctx, s, r); err != nil {
			return fmt.Errorf("undo %s: %w", r.Undo.Change.Place(), err)
		}
	}
	r.State = undone
	return s.save(ctx, r)
}

// ended notes that the plan is undone.
func (s *session) ended(ctx context.Context, h header, rows []row, report *Report) error {
	*report = Report{Plan: h.Plan.ID, Version: h.Plan.From, SchemaRestored: true}
	stays := map[int64]bool{}
	byTable := map[string]*TableReport{}
	var order []string
	for _, r := range rows {
		u := r.Undo
		for _, problem := range u.Broken { // the changes of a table may each say the same
			if !slices.Contains(report.Problems, problem) {
				report.Problems = append(report.Problems, problem)
			}
		}
		if len(u.Broken) > 0 {
			report.SchemaRestored = false
		}
		if u.Change.Op == Run && u.Change.Class == Irreversible {
			stays[u.Change.Version] = true
			report.Version = max(report.Version, u.Change.Version)
			report.SchemaRestored = false
			report.Problems = append(report.Problems, fmt.Sprintf("%s cannot be undone: %s; its data is only in the restore point %s", u.Change.Place(), u.Change.Why, h.Plan.Point))
		}
		if u.Result.Table != "" {
			merge(byTable, &order, u.Result)
		}
		if len(u.Left) > 0 || u.Result.Lost > 0 {
			h.Rows = append(h.Rows, u)
		}
		report.Lost += u.Result.Lost
	}
	for _, table := range order {
		report.Tables = append(report.Tables, *byTable[table])
	}
	for _, v := range h.Plan.Versions {
		if stays[v] {
			continue
		}
		if err := s.noteVersion(ctx, v, false); err != nil {
			return err
		}
	}
	if _, err := s.exec(ctx, "DELETE FROM "+stateTable+" WHERE plan = ? AND seq > 0", s.plan); err != nil {
		return fmt.Errorf("note in %s what was undone: %w", stateTable, err)
	}
	h.State, h.Report = planBack, *report
	return s.putHeader(ctx, h)
}

// merge adds up what the changes of a table brought back. The first change was undone last, so its number of rows holds.
func merge(into map[string]*TableReport, order *[]string, r TableReport) {
	t := into[r.Table]
	if t == nil {
		into[r.Table] = &r
		*order = append(*order, r.Table)
		return
	}
	t.Restored += r.Restored
	t.Meanwhile = max(t.Meanwhile, r.Meanwhile)
	t.Filled += r.Filled
	t.FilledAt = append(t.FilledAt, r.FilledAt...)
	t.Kept += r.Kept
	t.Lost += r.Lost
	if r.KeptIn != "" {
		t.KeptIn = r.KeptIn
	}
}

// noteVersion writes a version into goose's table, or takes it out.
func (s *session) noteVersion(ctx context.Context, v int64, applied bool) error {
	var err error
	if applied {
		err = s.goose.Insert(ctx, s.on(), insert(v))
	} else {
		err = s.goose.Delete(ctx, s.on(), v)
	}
	if err != nil {
		return fmt.Errorf("note version %d in %s: %w", v, s.config.Table, err)
	}
	if s.after != nil {
		s.after()
	}
	return nil
}
