package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Expand does what has to be there before the new release gets traffic. It is harmless to call it again, also after it was
// killed. When it fails, nothing of the file that failed is left half done, or the error says what is. A version whose file has
// changes that wait for Contract is noted in goose's table when those are done.
func (d *Database) Expand(ctx context.Context, p Plan) error {
	return d.session(ctx, true, func(s *session) error {
		h, err := s.begin(ctx, p)
		if err != nil || h.State == planOver {
			return err
		}
		if err := s.forward(ctx, p, Expand); err != nil {
			return err
		}
		return s.within(ctx, func() error { return s.versions(ctx, p) })
	})
}

// Contract does what had to wait until the watch was over: from now on the old release no longer works with the schema. What
// it drops is still put aside, for as long as the configuration keeps it. It is harmless to call it again.
func (d *Database) Contract(ctx context.Context, p Plan) error {
	return d.session(ctx, true, func(s *session) error {
		h, err := s.begin(ctx, p)
		if err != nil || h.State == planOver {
			return err
		}
		for _, phase := range []Class{Expand, Contract} {
			if err := s.forward(ctx, p, phase); err != nil {
				return err
			}
		}
		return s.within(ctx, func() error {
			if err := s.versions(ctx, p); err != nil {
				return err
			}
			h.State = planOver
			return s.putHeader(ctx, h)
		})
	})
}

// forward does the changes of a phase: those of one file together, where the database can.
func (s *session) forward(ctx context.Context, p Plan, phase Class) error {
	rows, err := s.rows(ctx)
	if err != nil {
		return err
	}
	began := map[int]*row{}
	for i := range rows {
		began[rows[i].Seq] = &rows[i]
	}
	for _, group := range s.groups(p, phase) {
		if err := s.group(ctx, p, group, began); err != nil {
			return err
		}
	}
	return nil
}

// groups are the changes that are done or not done together.
func (s *session) groups(p Plan, phase Class) [][]Change {
	var out [][]Change
	for _, c := range p.Changes {
		if c.Phase != phase {
			continue
		}
		n := len(out) - 1
		if n >= 0 && out[n][0].Version == c.Version && !c.Raw && !out[n][0].Raw {
			out[n] = append(out[n], c)
			continue
		}
		out = append(out, []Change{c})
	}
	return out
}

func (s *session) group(ctx context.Context, p Plan, group []Change, began map[int]*row) error {
	var at Change
	work := func() error {
		for _, c := range group {
			r := began[c.Seq]
			if r != nil && r.State == done {
				continue
			}
			at = c
			switch {
			case r == nil || r.State == undone:
				r = &row{Seq: c.Seq, Undo: undo{Change: c}}
			case r.State == undoing:
				return fmt.Errorf("its way back has begun; end that by Back first")
			default:
				r = &row{Seq: r.Seq, State: r.State, Undo: r.Undo}
			}
			if err := s.engine.do(ctx, s, c, r); err != nil {
				return err
			}
			r.State = done
			if err := s.within(ctx, func() error { return s.save(ctx, r) }); err != nil {
				return err
			}
		}
		return s.within(ctx, func() error { return s.versions(ctx, p) })
	}
	once := work
	if s.engine.transactional() && !group[0].Raw {
		once = func() error { return s.within(ctx, work) }
	}
	err := s.patiently(ctx, once)
	if err == nil {
		return nil
	}
	err = s.explain(ctx, at, err)
	if !s.engine.transactional() && ctx.Err() == nil && !isLost(err) && !errors.Is(err, errUnsettled) {
		return s.takeBack(ctx, err, at, group)
	}
	return err
}

// versions notes in goose's table the versions whose changes are all done.
func (s *session) versions(ctx context.Context, p Plan) error {
	rows, err := s.rows(ctx)
	if err != nil {
		return err
	}
	finished := map[int]bool{}
	for _, r := range rows {
		finished[r.Seq] = r.State == done
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return err
	}
	for _, v := range p.Versions {
		open := slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Version == v && !finished[c.Seq] })
		if open || applied[v] {
			continue
		}
		if err := s.noteVersion(ctx, v, true); err != nil {
			return err
		}
	}
	return nil
}
