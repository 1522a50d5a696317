package engine

import (
	"fmt"
	"path/filepath"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/jinja"
)

// variables is what an action sees of a scope.
type variables struct {
	e *executor
	s *scope
}

// Get finds a variable and resolves it.
func (v *variables) Get(name string) (any, bool, error) {
	raw, ok := v.s.Lookup(name)
	if !ok {
		return nil, false, nil
	}
	value, err := v.e.env().Value(v.e.p.r.ctx, raw, v.s)
	return value, true, err
}

// Value resolves templates.
func (v *variables) Value(value any) (any, error) { return v.e.env().Value(v.e.p.r.ctx, value, v.s) }

// Fact resolves templates for what becomes a variable.
func (v *variables) Fact(value any) (any, error) { return v.e.env().Fact(v.e.p.r.ctx, value, v.s) }

// Condition judges.
func (v *variables) Condition(condition any) (bool, error) {
	yes, err := v.e.conditions([]any{condition}, v.s)
	if err != nil {
		err = &plainError{err}
	}
	return yes, err
}

// File renders a template file.
func (v *variables) File(path, text string, more *py.Dict, set action.Settings) (string, error) {
	local := map[string]any{}
	if more != nil {
		for k, value := range more.All() {
			local[py.Str(k)] = value
		}
	}
	search := []string{filepath.Dir(path)}
	for _, dir := range v.e.task.SearchPath(v.e.p.play.Dir) {
		search = append(search, filepath.Join(dir, "templates"), dir)
	}
	out, err := v.e.env().Text(v.e.p.r.ctx, text, v.s.with(local), jinja.TextOptions{
		Name: path, NoTrimBlocks: !set.TrimBlocks, LstripBlocks: set.LstripBlocks, Newline: set.NewlineSequence, BlockStart: set.BlockStart, BlockEnd: set.BlockEnd,
		VariableStart: set.VariableStart, VariableEnd: set.VariableEnd, CommentStart: set.CommentStart, CommentEnd: set.CommentEnd, Search: search,
	})
	if err == nil {
		return out, nil
	}
	class := "AnsibleError"
	if jinja.IsUndefined(err) {
		class = "AnsibleUndefinedVariable"
	}
	return "", fmt.Errorf("%s: %s", class, repeated(err))
}
