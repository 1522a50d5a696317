package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/migrate"
)

// Snapshotter takes copies of a service's data that a migration which cannot be undone needs before it runs.
type Snapshotter interface {
	// Covers says whether it can take restore points of a service's data.
	Covers(service string) bool
	// Snapshot takes a restore point of the named tables (all when none is named) and returns its name. Asked again with the same run it may return the same one.
	Snapshot(ctx context.Context, service, run string, tables []string) (point string, err error)
}

// schemaStep is what a step with the database came to.
type schemaStep struct {
	Broken string          `json:"broken,omitempty"`
	Plan   *migrate.Plan   `json:"plan,omitempty"`
	Report *migrate.Report `json:"report,omitempty"`
	At     time.Time       `json:"at"`
}

// mover moves a database: our own reading of migrations, or a tool of the user's.
type mover interface {
	Plan(ctx context.Context) (migrate.Plan, error)
	Expand(ctx context.Context, p migrate.Plan) error
	Contract(ctx context.Context, p migrate.Plan) error
	Back(ctx context.Context, p migrate.Plan) (migrate.Report, error)
	Clean(ctx context.Context) ([]string, error)
	Close() error
}

// tool is a mover whose commands know only up and down.
type tool struct {
	*migrate.Tool
	irreversible string
}

func (t tool) Plan(ctx context.Context) (migrate.Plan, error) {
	return t.Tool.Plan(ctx, t.irreversible)
}
func (t tool) Contract(context.Context, migrate.Plan) error { return nil }
func (t tool) Clean(context.Context) ([]string, error)      { return nil, nil }
func (t tool) Close() error                                 { return nil }

// database opens the database of a release with the migrations in its folder.
func (s *Rollouts) database(ctx context.Context, k Kept) (mover, error) {
	conf := *k.Config.Migrations
	if conf.Command == nil {
		return migrate.Open(ctx, conf, k.Dir, s.Secret)
	}
	t, err := migrate.OpenTool(ctx, conf, k.Dir, s.Secret)
	return tool{t, conf.Irreversible}, err
}

// withDatabase does something with the release's database. An error of the database is an outcome of the step and not of the run, which can go back.
func (ro *rollout) withDatabase(step, text string, k Kept, fn func(ctx context.Context, db mover) (schemaStep, error)) (schemaStep, error) {
	return do(ro, step, text, func(ctx context.Context) (out schemaStep, err error) {
		db, err := ro.database(ctx, k)
		if err == nil {
			out, err = fn(ctx, db)
			err = errors.Join(err, db.Close())
		}
		out.At = time.Now()
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			out.Broken = err.Error()
		}
		return out, nil
	})
}

// expand makes the schema ready for the new release, before any traffic, and proves that the old release works with it. The trigger turns the rollout
// around; broken says that nothing was changed.
func (ro *rollout) expand() (broken string, t *Trigger, err error) {
	if ro.in.Config.Migrations == nil {
		return "", nil, nil
	}
	planned, err := ro.withDatabase("schema-plan", "see what the database needs", ro.new, func(ctx context.Context, db mover) (schemaStep, error) {
		p, err := db.Plan(ctx)
		if err != nil {
			return schemaStep{}, err
		}
		for _, line := range p.Words() {
			if err := ro.record(ctx, "schema", line, nil); err != nil {
				return schemaStep{}, err
			}
		}
		return schemaStep{Plan: &p}, nil
	})
	if err != nil || planned.Broken != "" {
		return planned.Broken, nil, err
	}
	p := *planned.Plan
	switch {
	case p.Refused != "":
		return p.Refused, nil, nil
	case p.Empty():
		ro.new.Release.Schema = strconv.FormatInt(p.From, 10)
		return "", nil, nil
	}
	if p.Needs {
		point, err := ro.restorePoint(p)
		if err != nil || point.Broken != "" {
			return point.Broken, nil, err
		}
		p = *point.Plan
	}
	ro.schema = &p
	grown, err := ro.withDatabase("expand", fmt.Sprintf("schema: from version %d, what %s needs", p.From, ro.new.Release.Version), ro.new, func(ctx context.Context, db mover) (schemaStep, error) {
		if err := ro.remember(ctx, p); err != nil { // first, so that every way back knows what was done
			return schemaStep{}, err
		}
		return schemaStep{}, db.Expand(ctx, p)
	})
	switch {
	case err != nil:
		return "", nil, err
	case grown.Broken != "":
		return "", ro.triggerOf(looked{Broken: grown.Broken, At: grown.At}, "migration", "schema"), nil
	case ro.old == nil:
		return "", nil, nil
	}
	t, err = ro.until("prove-old", "test", "the old release on the new schema", func(step string) (looked, error) {
		return do(ro, step, fmt.Sprintf("prove that %s works with the new schema", ro.oldName()), func(ctx context.Context) (looked, error) {
			k := *ro.old
			findings := append(ro.checkInstances(ctx, k, k.Config.Instances, ""), ro.checkPublic(ctx, k, "")...)
			if ctx.Err() != nil {
				return looked{}, ctx.Err()
			}
			return looked{Findings: findings, At: time.Now()}, ro.recordFindings(ctx, findings)
		})
	})
	return "", t, err
}

// restorePoint takes the copy without which a migration that cannot be undone does not run. Of our own migrations it is a dump of the tables that they touch, which
// the way back loads by itself. Where something takes restore points of the service's data one is taken before, of all of it: it is for people, since bringing it back
// would lose what was written meanwhile, and it is the only one where a command migrates.
func (ro *rollout) restorePoint(p migrate.Plan) (schemaStep, error) {
	return ro.withDatabase("restore-point", "take a restore point: the migration cannot be undone", ro.new, func(ctx context.Context, db mover) (schemaStep, error) {
		var err error
		kept := ""
		if ro.Snapshots != nil && ro.Snapshots.Covers(ro.in.Service) {
			var tables []string
			for _, t := range p.Tables() {
				if !p.Blind() { // else none is named, which means all
					tables = append(tables, t.String())
				}
			}
			if kept, err = ro.Snapshots.Snapshot(ctx, ro.in.Service, ro.r.ID(), tables); err == nil {
				err = ro.record(ctx, "restore-point", "restore point "+kept+" of all of the service's data is taken", nil)
			}
		}
		own, ours := db.(*migrate.Database)
		switch {
		case err != nil:
		case ours:
			p.Point, err = ro.dump(ctx, own, p)
		case kept != "":
			p.Point = kept
		default:
			err = errors.New("the migration cannot be undone and needs a restore point, and a command's tables are not known: give it a down command, or name the service in backup.applications.NAME.services")
		}
		if err == nil && ro.old != nil {
			err = ro.Store.RestorePoint(ctx, ro.in.Service, ro.old.Release, cmp.Or(kept, p.Point))
		}
		return schemaStep{Plan: &p}, err
	})
}

// dumped begins the names of restore points that are files of ours.
const dumped = "dump:"

// dump writes the rows of the tables that the plan touches into a file beside the record, and returns the name of the restore point.
func (ro *rollout) dump(ctx context.Context, db *migrate.Database, p migrate.Plan) (point string, err error) {
	path := filepath.Join(ro.Store.Dir(), "restore-points", ro.in.Service, ro.r.ID()+".dump")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("restore point: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("restore point: %w", err)
	}
	tables := p.Tables()
	if p.Blind() {
		tables, err = db.Tables(ctx)
	}
	var got migrate.DumpResult
	if err == nil {
		got, err = db.Dump(ctx, tables, f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("restore point: %w", err)
	}
	var rows int64
	for _, n := range got.Rows {
		rows += n
	}
	return dumped + path, ro.record(ctx, "restore-point", fmt.Sprintf("restore point %s has %d rows", path, rows), got)
}

// load brings the rows of a restore point back that is a file of ours.
func (ro *rollout) load(ctx context.Context, db mover, point string) error {
	path, ours := strings.CutPrefix(point, dumped)
	own, ok := db.(*migrate.Database)
	if !ours || !ok {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("restore point: %w", err)
	}
	defer f.Close()
	got, err := own.Load(ctx, f)
	if err != nil {
		return fmt.Errorf("restore point %s: %w", path, err)
	}
	return ro.record(ctx, "restored", "the rows of the restore point are back", got)
}

// contract does what had to wait until nobody needs the old release any more.
func (ro *rollout) contract() (broken string, err error) {
	if ro.schema == nil {
		return "", nil
	}
	p := *ro.schema
	text := fmt.Sprintf("schema: version %d is complete", p.To)
	if slices.ContainsFunc(p.Changes, func(c migrate.Change) bool { return c.Phase == migrate.Contract }) {
		_, err = do(ro, "retire", ro.oldName()+" stops, before the schema loses what only it needed", func(ctx context.Context) (bool, error) {
			return true, ro.retire(ctx)
		})
		if err != nil {
			return "", err
		}
		text = fmt.Sprintf("schema: to version %d, what only %s needed is put aside", p.To, ro.oldName())
	}
	out, err := ro.withDatabase("contract", text, ro.new, func(ctx context.Context, db mover) (schemaStep, error) {
		if err := db.Contract(ctx, p); err != nil {
			return schemaStep{}, err
		}
		cleaned, err := db.Clean(ctx)
		return schemaStep{}, errors.Join(err, ro.cleaned(ctx, cleaned))
	})
	if err == nil && out.Broken == "" {
		ro.new.Release.Schema = strconv.FormatInt(p.To, 10)
	}
	return out.Broken, err
}

// schemaBack brings the schema and its data to where the old release left them, the newest change first. What it found is added to the result.
func (ro *rollout) schemaBack(res *Result) (problem string, err error) {
	if ro.in.Config.Migrations == nil && (ro.old == nil || ro.old.Config.Migrations == nil) {
		return "", nil
	}
	undo, err := run.Step(ro.r, "schema-undo", ro.undo)
	if err != nil {
		return "", err
	}
	for i, m := range undo {
		text := fmt.Sprintf("schema: back from version %d to %d, with its data", m.Plan.To, m.Plan.From)
		out, err := ro.withDatabase(fmt.Sprintf("schema-back-%d", i), text, m.Kept, func(ctx context.Context, db mover) (schemaStep, error) {
			rep, err := db.Back(ctx, m.Plan)
			if err == nil {
				err = ro.load(ctx, db, m.Plan.Point)
			}
			if err != nil {
				return schemaStep{Report: &rep}, err
			}
			if err := ro.record(ctx, "schema-is-back", schemaFinding(rep).Observed, rep); err != nil {
				return schemaStep{Report: &rep}, err
			}
			return schemaStep{Report: &rep}, ro.forgetSchema(ctx, m.Plan)
		})
		if err != nil {
			return "", err
		}
		f := good.Finding{Check: "schema", Verdict: good.Fail, Observed: out.Broken, Wanted: "the schema of before, and every row"}
		if out.Report != nil && out.Broken == "" {
			f = schemaFinding(*out.Report)
			if f.Verdict == good.Fail && m.Plan.Point != "" && out.Report.Lost == 0 {
				f.Verdict, f.Hint = good.Unknown, "what could not be undone has its rows again from the restore point; look whether the schema is as the old release wants it"
			}
		}
		f.At = out.At
		res.Schema = append(res.Schema, f)
		if f.Verdict == good.Fail {
			return f.Observed, nil // older changes rest on this one
		}
	}
	return "", nil
}

// schemaFinding says what a way back of the database brought back.
func schemaFinding(r migrate.Report) good.Finding {
	var restored, meanwhile int64
	for _, t := range r.Tables {
		restored, meanwhile = restored+t.Restored, meanwhile+t.Meanwhile
	}
	f := good.Finding{
		Check: "schema", Verdict: good.Pass, Wanted: "the schema of before, and every row",
		Observed: fmt.Sprintf("the schema is at version %d again; %d rows or values came back, %d rows that were written meanwhile stay, %d lost", r.Version, restored, meanwhile, r.Lost),
	}
	if !r.SchemaRestored || r.Lost > 0 {
		f.Verdict = good.Fail
		for _, p := range r.Problems {
			f.Detail += p + "\n"
		}
	}
	return f
}

// moved is one change of the schema that is in force, with the release that brought it.
type moved struct {
	Kept    Kept         `json:"kept"`
	Plan    migrate.Plan `json:"plan"`
	Cleaned bool         `json:"cleaned,omitempty"` // what was put aside is gone, so that nothing brings it back
}

// schemas is the name of the document that lists what moved a service's schema, oldest first.
const schemas = "schemas"

const keepSchemas = 20

func (s *Rollouts) movedSchemas(ctx context.Context, service string) (all []moved, err error) {
	err = s.Store.Document(ctx, Target(service), schemas, &all)
	if errors.Is(err, store.ErrNoDocument) {
		return nil, nil
	}
	return all, err
}

// remember notes that the plan is carried out from now on.
func (ro *rollout) remember(ctx context.Context, p migrate.Plan) error {
	all, err := ro.movedSchemas(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(m moved) bool { return m.Plan.ID == p.ID }) {
		return nil
	}
	all = append(all, moved{Kept: ro.new, Plan: p})
	return ro.Store.PutDocument(ctx, Target(ro.in.Service), schemas, all[max(0, len(all)-keepSchemas):])
}

// cleaned notes of which plans nothing is put aside any more.
func (ro *rollout) cleaned(ctx context.Context, plans []string) error {
	if len(plans) == 0 {
		return nil
	}
	all, err := ro.movedSchemas(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Cleaned = all[i].Cleaned || slices.Contains(plans, all[i].Plan.ID)
	}
	return ro.Store.PutDocument(ctx, Target(ro.in.Service), schemas, all)
}

func (ro *rollout) forgetSchema(ctx context.Context, p migrate.Plan) error {
	all, err := ro.movedSchemas(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	return ro.Store.PutDocument(ctx, Target(ro.in.Service), schemas, slices.DeleteFunc(all, func(m moved) bool { return m.Plan.ID == p.ID }))
}

// undo lists what has to be undone to get to the old release, the newest first: in a rollout under way what it did itself, and when a release that serves
// is left, all that came after the release that is gone back to.
func (ro *rollout) undo(ctx context.Context) ([]moved, error) {
	all, err := ro.movedSchemas(ctx, ro.in.Service)
	if err != nil {
		return nil, err
	}
	var out []moved
	for _, m := range slices.Backward(all) {
		mine := m.Kept.Release.ID() == ro.new.Release.ID()
		if ro.in.Back && ro.old != nil {
			if mine, err = after(m.Plan, ro.old.Release); err != nil {
				return nil, err
			}
		}
		if mine {
			out = append(out, m)
		}
	}
	return out, nil
}

// after tells whether a change of the schema came after a release. Releases of a service that had no migrations yet come before all of them.
func after(p migrate.Plan, r good.Release) (bool, error) {
	if r.Schema == "" {
		return true, nil
	}
	v, err := strconv.ParseInt(r.Schema, 10, 64)
	if err != nil {
		return false, fmt.Errorf("schema version %q of %s: %w", r.Schema, r.Version, err)
	}
	return p.To > v, nil
}

// planSchema adds what a deployment would do with the database, read from the commit and from the database as it is now.
func (s *Rollouts) planSchema(ctx context.Context, in Input, p *Plan) (err error) {
	if in.Config.Migrations == nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "goodstate-plan-")
	if err != nil {
		return fmt.Errorf("folder to look at the migrations: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	folder, err := s.Source(in.Service, in.Config).Look(ctx, in.Release, filepath.Join(dir, "release"))
	if err != nil {
		return err
	}
	db, err := s.database(ctx, Kept{Release: in.Release, Config: in.Config, Dir: folder})
	if err != nil {
		p.Notes = append(p.Notes, "what the database needs is not known: "+err.Error())
		return nil
	}
	m, err := db.Plan(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		p.Notes = append(p.Notes, "what the database needs is not known: "+err.Error())
		return nil
	}
	steps := m.Words()
	if m.Refused != "" && p.Refused == "" {
		p.Refused = m.Refused
	}
	if !m.Empty() && in.Old != nil {
		steps = append(steps, fmt.Sprintf("prove that %s works with the new schema, before any traffic moves", in.Old.Release.Version))
	}
	p.Steps = slices.Insert(p.Steps, min(1, len(p.Steps)), steps...)
	return nil
}

// planSchemaBack adds what a way back would do with the database.
func (s *Rollouts) planSchemaBack(ctx context.Context, in Input, active bool, p *Plan) error {
	all, err := s.movedSchemas(ctx, in.Service)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(all) {
		mine := m.Kept.Release.ID() == in.Release.ID()
		if !active && in.Old != nil {
			if mine, err = after(m.Plan, in.Old.Release); err != nil {
				return err
			}
		}
		if mine {
			step := fmt.Sprintf("schema back from version %d to %d, with its data", m.Plan.To, m.Plan.From)
			p.Steps = slices.Insert(p.Steps, len(p.Steps)-min(2, len(p.Steps)), step)
		}
	}
	return nil
}
