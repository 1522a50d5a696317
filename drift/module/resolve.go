package module

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scope is the set of options that one dict of arguments is checked against.
type scope struct {
	t       *Task
	options []Option
	rules   SubRules
	context []string // the options around it
}

// problems are what is wrong with the arguments, in the order in which Ansible finds it; the first is told.
type problems struct {
	found       []string
	unsupported []string
	supported   string
}

func (p *problems) add(context []string, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if len(context) > 0 {
		msg += " found in " + strings.Join(context, " -> ")
	}
	p.found = append(p.found, msg)
}

// resolve turns the arguments of the call into the ones the module works with.
func (t *Task) resolve() error {
	args := map[string]any{}
	for k, v := range t.Args {
		if !strings.HasPrefix(k, "_ansible_") {
			args[k] = normal(v)
		}
	}
	if t.kind.Raw {
		t.args = args
		return nil
	}
	s := scope{t: t, options: t.kind.Options, rules: SubRules{
		t.kind.MutuallyExclusive, t.kind.RequiredTogether, t.kind.RequiredOneOf,
		t.kind.RequiredIf, t.kind.RequiredBy,
	}}
	var p problems
	s.check(args, &p)
	t.args = args
	if len(p.found) > 0 {
		return fail(p.found[0])
	}
	if len(p.unsupported) > 0 {
		slices.Sort(p.unsupported)
		more := Result{}
		if near := nearest(p.unsupported[0], t.kind.Options); near != "" {
			more["hint"] = fmt.Sprintf("did you mean %s?", near)
		}
		return fail(fmt.Sprintf("Unsupported parameters for (%s) module: %s. Supported parameters include: %s.",
			t.Module, strings.Join(p.unsupported, ", "), p.supported), more)
	}
	return nil
}

// normal makes int64 and float64 of all numbers.
func normal(value any) any {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case int:
		return int64(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = normal(item)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = item
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = normal(item)
		}
		return out
	}
	return value
}

// check goes over a dict in Ansible's order: aliases, secrets, unknown names, exclusions, required names, types, choices, rules, defaults, inner dicts.
func (s scope) check(args map[string]any, p *problems) {
	s.fallbacks(args)
	s.aliases(args)
	s.secrets(args)
	s.unknown(args, p)
	for _, names := range s.rules.MutuallyExclusive {
		if given := count(args, names); given > 1 {
			p.add(s.context, "parameters are mutually exclusive: %s", strings.Join(names, "|"))
			break
		}
	}
	for _, o := range s.options {
		if _, ok := args[o.Name]; !ok && o.Default != nil {
			args[o.Name] = normal(o.Default)
		}
	}
	s.required(args, p)
	for _, o := range s.options {
		s.convert(o, args, p)
	}
	for _, o := range s.options {
		s.choose(o, args, p)
	}
	s.related(args, p)
	for _, o := range s.options {
		if _, ok := args[o.Name]; !ok {
			args[o.Name] = nil
		}
	}
	for _, o := range s.options {
		s.inner(o, args, p)
	}
}

func (s scope) fallbacks(args map[string]any) {
	for _, o := range s.options {
		if _, ok := args[o.Name]; ok || o.Fallback == "" {
			continue
		}
		if v, ok := s.t.lookupEnv(o.Fallback); ok {
			args[o.Name] = v
		}
	}
}

func (s scope) aliases(args map[string]any) {
	for _, o := range s.options {
		for _, alias := range o.Aliases {
			v, ok := args[alias]
			if !ok {
				continue
			}
			if _, both := args[o.Name]; both {
				s.t.Warn("Both option %s and its alias %s are set.", o.Name, alias)
			}
			args[o.Name] = v
			delete(args, alias)
		}
	}
}

func (s scope) secrets(args map[string]any) {
	for _, o := range s.options {
		if o.NoLog {
			s.t.addSecret(args[o.Name])
		}
	}
}

func (s scope) unknown(args map[string]any, p *problems) {
	known, aliases := map[string]bool{}, []string{}
	for _, o := range s.options {
		known[o.Name] = !o.Internal
		aliases = append(aliases, o.Aliases...)
	}
	before := len(p.unsupported)
	for name := range args {
		if _, ok := known[name]; !ok {
			p.unsupported = append(p.unsupported, strings.Join(append(slices.Clone(s.context), name), "."))
		}
	}
	if len(p.unsupported) == before {
		return
	}
	maps.DeleteFunc(known, func(_ string, told bool) bool { return !told })
	p.supported = strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	if len(aliases) > 0 {
		slices.Sort(aliases)
		p.supported += " (" + strings.Join(aliases, ", ") + ")"
	}
}

func (s scope) required(args map[string]any, p *problems) {
	var missing []string
	for _, o := range s.options {
		if _, ok := args[o.Name]; o.Required && !ok {
			missing = append(missing, o.Name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		p.add(s.context, "missing required arguments: %s", strings.Join(missing, ", "))
	}
}

func (s scope) convert(o Option, args map[string]any, p *problems) {
	value := args[o.Name]
	if value == nil {
		return
	}
	out, err := s.t.coerce(o.kind(), value)
	if err != nil {
		where := ""
		if len(s.context) > 0 {
			where = " found in '" + strings.Join(s.context, " -> ") + "'."
		}
		p.add(nil, "argument '%s' is of type %s%s and we were unable to convert to %s: %v", o.Name, pyType(value), where, o.kind(), err)
		return
	}
	if items, ok := out.([]any); ok && o.Elements != "" {
		kept := []any{}
		for _, item := range items {
			element, err := s.t.coerce(o.Elements, item)
			if err != nil {
				where := ""
				if len(s.context) > 0 {
					where = " found in '" + strings.Join(s.context, " -> ") + "'"
				}
				p.add(nil, "Elements value for option '%s'%s is of type %s and we were unable to convert to %s: %v", o.Name, where, pyType(item), o.Elements, err)
				continue
			}
			kept = append(kept, element)
		}
		out = kept
	}
	args[o.Name] = out
}

func (s scope) choose(o Option, args map[string]any, p *problems) {
	value, ok := args[o.Name]
	if o.Choices == nil || !ok {
		return
	}
	if items, list := value.([]any); list {
		var bad []string
		for _, item := range items {
			if !slices.Contains(o.Choices, item) {
				bad = append(bad, pyStr(item))
			}
		}
		if bad != nil {
			p.add(s.context, "value of %s must be one or more of: %s. Got no match for: %s", o.Name, choices(o), strings.Join(bad, ", "))
		}
		return
	}
	if slices.Contains(o.Choices, value) {
		return
	}
	if word := truthWord(value, o.Choices); word != nil {
		args[o.Name] = word
		return
	}
	p.add(s.context, "value of %s must be one of: %s, got: %s", o.Name, choices(o), pyStr(value))
}

// truthWord undoes what YAML did to a word: where exactly one choice means true, True is that one.
func truthWord(value any, choices []any) any {
	words := []any{"y", "yes", "on", "1", "true", "t"}
	if value == "False" {
		words = []any{"n", "no", "off", "0", "false", "f"}
	} else if value != "True" {
		return nil
	}
	var found []any
	for _, c := range choices {
		if slices.Contains(words, c) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func choices(o Option) string {
	list := make([]string, len(o.Choices))
	for i, c := range o.Choices {
		list[i] = pyStr(c)
	}
	return strings.Join(list, ", ")
}

// inner checks the dicts inside of an option.
func (s scope) inner(o Option, args map[string]any, p *problems) {
	if o.Sub == nil || args[o.Name] == nil {
		return
	}
	items, list := args[o.Name].([]any)
	if !list {
		items = []any{args[o.Name]}
	}
	in := scope{t: s.t, options: o.Sub, rules: o.SubRules, context: append(slices.Clone(s.context), o.Name)}
	for _, item := range items {
		dict, ok := item.(map[string]any)
		if !ok {
			p.add(nil, "value of '%s' must be of type dict or list of dicts", o.Name)
			continue
		}
		in.check(dict, p)
	}
}

// nearest is the option whose name is at most two letters away.
func nearest(name string, options []Option) string {
	best, near := 3, ""
	for _, o := range options {
		for _, candidate := range append([]string{o.Name}, o.Aliases...) {
			if d := distance(name, candidate); d < best && d < len(candidate) {
				best, near = d, candidate
			}
		}
	}
	return near
}

// distance counts the letters to add, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(row[j]+1, row[j-1]+1, cost)
		}
	}
	return row[len(b)]
}
