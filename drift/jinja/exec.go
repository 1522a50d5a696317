package jinja

import (
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
)

var (
	errBreak    = errors.New("break outside of a loop")
	errContinue = errors.New("continue outside of a loop")
)

func execAll(body []stmt, f *frame) error {
	for _, s := range body {
		if err := f.r.step(); err != nil {
			return err
		}
		if err := s.exec(f); err != nil {
			return err
		}
	}
	return nil
}

// written evaluates a body into a value, as macros and set blocks do.
func written(body []stmt, f *frame) (any, error) {
	out := &output{r: f.r}
	f.out = out
	if err := execAll(body, f); err != nil {
		return nil, err
	}
	return out.result(f.r.convert())
}

// convert says whether the text of macros may become lists: not for the template module.
func (r *run) convert() bool { return !r.asText }

func (s *dataStmt) exec(f *frame) error { return f.out.data(s.text) }

func (s *outputStmt) exec(f *frame) error {
	v, err := s.on.eval(f)
	if err != nil {
		return err
	}
	return f.out.value(v)
}

func (s *ifStmt) exec(f *frame) error {
	for i, test := range s.tests {
		v, err := test.eval(f)
		if err != nil {
			return err
		}
		ok, err := truth(v)
		if err != nil {
			return err
		}
		if ok {
			return execAll(s.bodies[i], f)
		}
	}
	return execAll(s.fallback, f)
}

func (s *setStmt) exec(f *frame) error {
	v, err := s.value.eval(f)
	if err != nil {
		return err
	}
	return assign(f, s.target, v)
}

func assign(f *frame, target expr, v any) error {
	switch t := target.(type) {
	case *nameExpr:
		f.assign(t.name, v)
		return nil
	case *nsTarget:
		ns, err := f.lookup(t.name)
		if err != nil {
			return err
		}
		n, ok := ns.(*namespace)
		if !ok {
			return errors.New("cannot assign attribute on non-namespace object")
		}
		n.dict.Set(t.attr, v)
		return nil
	case *tupleExpr:
		items, err := f.r.items(v)
		if err != nil {
			return err
		}
		if len(items) > len(t.items) {
			return fmt.Errorf("too many values to unpack (expected %d)", len(t.items))
		}
		if len(items) < len(t.items) {
			return fmt.Errorf("not enough values to unpack (expected %d, got %d)", len(t.items), len(items))
		}
		for i, item := range t.items {
			if err := assign(f, item, items[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("can't assign to %T", target)
}

func (s *setBlockStmt) exec(f *frame) error {
	v, err := written(s.body, f.child())
	if err != nil {
		return err
	}
	if s.filter != nil {
		if v, err = filterOver(f, s.filter, v); err != nil {
			return err
		}
	}
	return assign(f, s.target, v)
}

// filterOver puts a value through filters that were read without one.
func filterOver(f *frame, filter expr, v any) (any, error) {
	fe, ok := filter.(*filterExpr)
	if !ok {
		return v, nil
	}
	if fe.on != nil {
		inner, err := filterOver(f, fe.on, v)
		if err != nil {
			return nil, err
		}
		v = inner
	}
	return fe.apply(f, v)
}

func (s *filterStmt) exec(f *frame) error {
	v, err := written(s.body, f.child())
	if err != nil {
		return err
	}
	if v, err = filterOver(f, s.filter, v); err != nil {
		return err
	}
	return f.out.value(v)
}

func (s *withStmt) exec(f *frame) error {
	inner := f.child()
	values := make([]any, len(s.values))
	for i, e := range s.values {
		v, err := e.eval(f)
		if err != nil {
			return err
		}
		values[i] = v
	}
	for i, t := range s.targets {
		if err := assign(inner, t, values[i]); err != nil {
			return err
		}
	}
	return execAll(s.body, inner)
}

func (s *scopeStmt) exec(f *frame) error { return execAll(s.body, f.child()) }

func (s *doStmt) exec(f *frame) error {
	_, err := s.on.eval(f)
	return err
}

func (*breakStmt) exec(*frame) error    { return errBreak }
func (*continueStmt) exec(*frame) error { return errContinue }

func (s *macroStmt) exec(f *frame) error {
	f.assign(s.name, &macro{name: s.name, sig: s.sig, body: s.body, uses: s.uses, f: f})
	return nil
}

func (s *callStmt) exec(f *frame) error {
	caller := &macro{name: "caller", sig: s.sig, body: s.body, uses: s.uses, f: f}
	fn, err := s.call.on.eval(f)
	if err != nil {
		return err
	}
	args, named, err := s.call.args.eval(f)
	if err != nil {
		return err
	}
	if named == nil {
		named = py.NewDict()
	}
	named.Set("caller", caller)
	v, err := f.call(fn, args, named)
	if err != nil {
		return err
	}
	return f.out.value(v)
}

func (s *forStmt) exec(f *frame) error {
	v, err := s.over.eval(f)
	if err != nil {
		return err
	}
	return s.loop(f, v, f.out, 0)
}

// loop runs the body for each item; the depth counts the levels of a recursive one.
func (s *forStmt) loop(f *frame, over any, out *output, depth int) error {
	if depth > deepestTemplates {
		return errTooDeep
	}
	items, err := f.r.items(over)
	if err != nil {
		return err
	}
	if s.test != nil {
		if items, err = s.filtered(f, items); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		inner := f.child()
		inner.out = out
		return execAll(s.none, inner)
	}
	l := &loop{items: items, depth: depth, stmt: s, f: f}
	for i, item := range items {
		if err := f.r.step(); err != nil {
			return err
		}
		l.at = i
		inner := f.child()
		inner.out = out
		inner.names, inner.values = append(inner.names, "loop"), append(inner.values, l)
		if err := assign(inner, s.target, item); err != nil {
			return err
		}
		err := execAll(s.body, inner)
		switch {
		case err == nil, errors.Is(err, errContinue):
		case errors.Is(err, errBreak):
			return nil
		default:
			return err
		}
	}
	return nil
}

func (s *forStmt) filtered(f *frame, items []any) ([]any, error) {
	var kept []any
	for _, item := range items {
		if err := f.r.step(); err != nil {
			return nil, err
		}
		inner := f.child()
		if err := assign(inner, s.target, item); err != nil {
			return nil, err
		}
		v, err := s.test.eval(inner)
		if err != nil {
			return nil, err
		}
		ok, err := truth(v)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

func (s *blockStmt) exec(f *frame) error {
	if f.sc.parent != nil {
		return nil
	}
	chain := f.sc.blocks[s.name]
	if len(chain) == 0 {
		return nil
	}
	if chain[0].block.required {
		return fmt.Errorf("Required block %s not found", quote(s.name))
	}
	var locals *frame
	if s.scoped {
		locals = f
	}
	return f.runBlock(s.name, 0, locals, f.out)
}

// runBlock evaluates the block at a level of the chain of templates that extend each other.
func (f *frame) runBlock(name string, level int, locals *frame, out *output) error {
	b := f.sc.blocks[name][level]
	inner := &frame{r: f.r, sc: f.sc, up: locals, out: out, block: name, super: level}
	f.r.depth++
	defer func() { f.r.depth-- }()
	if f.r.depth > deepestTemplates {
		return errTooDeep
	}
	return execAll(b.block.body, inner)
}

func (s *extendsStmt) exec(f *frame) error {
	if f.sc.parent != nil {
		return errors.New("extended multiple times")
	}
	v, err := s.on.eval(f)
	if err != nil {
		return err
	}
	tmpl, err := f.r.find([]any{v}, f.sc.tmpl)
	if err != nil {
		return err
	}
	f.r.depth++
	if f.r.depth > deepestTemplates {
		return errTooDeep
	}
	f.sc.parent = tmpl
	f.out = &output{r: f.r} // what stands outside of blocks is not written
	return nil
}
