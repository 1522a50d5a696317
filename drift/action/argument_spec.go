package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "validate_argument_spec", Help: "Check the arguments of a role", Raw: []string{"argument_spec", "provided_arguments", "validate_args_context"}, Run: validate})
}

func validate(_ context.Context, t *Task) (*py.Dict, error) {
	where, _ := t.Args.Get("validate_args_context")
	if where == nil {
		where = py.NewDict()
	}
	value, ok := t.Args.Get("argument_spec")
	if !ok {
		return nil, fmt.Errorf(`"argument_spec" arg is required in args: %s`, py.Repr(t.Args))
	}
	if text, is := value.(string); is {
		var err error
		if value, err = t.Vars.Value(text); err != nil {
			return nil, err
		}
	}
	spec, ok := value.(*py.Dict)
	if !ok {
		return nil, fmt.Errorf("Incorrect type for argument_spec, expected dict and got %s", py.TypeName(value))
	}
	given, err := arguments(t, spec)
	if err != nil {
		return nil, err
	}
	c := &specCheck{}
	c.options(spec, given, "")
	out := py.DictOf("validate_args_context", where)
	if len(c.errors) > 0 {
		out.Set("failed", true)
		out.Set("msg", py.Unsafe("Validation of arguments failed:\n"+strings.Join(c.errors, "\n")))
		out.Set("argument_spec_data", py.MarkUnsafe(spec))
		list := py.NewList()
		for _, e := range c.errors {
			list.Items = append(list.Items, py.Unsafe(e))
		}
		out.Set("argument_errors", list)
		return out, nil
	}
	out.Set("changed", false)
	out.Set("msg", "The arg spec validation passed")
	return out, nil
}

// arguments are the variables that the specification names, and those that are given with the role.
func arguments(t *Task, spec *py.Dict) (*py.Dict, error) {
	out := py.NewDict()
	for key := range spec.All() {
		v, ok, err := t.Vars.Get(Text(key))
		if err != nil {
			return nil, err
		}
		if ok {
			out.Set(key, v)
		}
	}
	more, _ := t.Args.Get("provided_arguments")
	if more, err := t.Vars.Value(more); err != nil {
		return nil, err
	} else if d, ok := more.(*py.Dict); ok {
		for k, v := range d.All() {
			if spec.Has(k) {
				out.Set(k, v)
			}
		}
	}
	return out, nil
}

// specCheck collects what is wrong with arguments.
type specCheck struct{ errors []string }

func (c *specCheck) add(format string, args ...any) {
	c.errors = append(c.errors, fmt.Sprintf(format, args...))
}

func (c *specCheck) options(spec, given *py.Dict, path string) {
	within := ""
	if path != "" {
		within = " found in " + path
	}
	c.missing(spec, given, within)
	for key, value := range spec.All() {
		name := Text(key)
		about, _ := value.(*py.Dict)
		if about == nil {
			about = py.NewDict()
		}
		v, ok := given.Get(key)
		if ok && v != nil {
			c.option(name, about, v, path, within)
		}
	}
}

func (c *specCheck) missing(spec, given *py.Dict, within string) {
	var missing []string
	for key, value := range spec.All() {
		about, _ := value.(*py.Dict)
		if v, ok := given.Get(key); (!ok || v == nil) && about != nil && Is(about, "required") && !about.Has("default") {
			missing = append(missing, Text(key))
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		c.add("missing required arguments: %s%s", strings.Join(missing, ", "), within)
	}
}

func (c *specCheck) option(name string, about *py.Dict, v any, path, within string) {
	kind, _ := about.Get("type")
	want := "str"
	if kind != nil {
		want = Text(kind)
	}
	v, err := convert(v, want)
	if err != nil {
		if path != "" {
			within = " found in '" + path + "'."
		}
		c.add("argument '%s' is of type %s%s and we were unable to convert to %s: %v", name, class(v), within, want, err)
		return
	}
	if choices, ok := about.Get("choices"); ok && choices != nil {
		c.choice(name, v, Items(choices), within)
	}
	full := name
	if path != "" {
		full = path + " -> " + name
	}
	elements, _ := about.Get("elements")
	inner, _ := about.Get("options")
	options, _ := inner.(*py.Dict)
	switch value := v.(type) {
	case *py.List:
		for _, item := range value.Items {
			if elements != nil {
				converted, err := convert(item, Text(elements))
				if err != nil {
					c.add("Elements value for option '%s'%s is of type %s and we were unable to convert to %s: %v", name, within, class(item), Text(elements), err)
					continue
				}
				item = converted
			}
			if d, ok := item.(*py.Dict); ok && options != nil {
				c.inner(options, d, full)
			}
		}
	case *py.Dict:
		if options != nil {
			c.inner(options, value, full)
		}
	}
}

func (c *specCheck) inner(options, given *py.Dict, path string) {
	var unknown []string
	for key := range given.All() {
		if !options.Has(key) {
			unknown = append(unknown, strings.ReplaceAll(path, " -> ", ".")+"."+Text(key))
		}
	}
	if len(unknown) > 0 {
		var known []string
		for key := range options.All() {
			known = append(known, Text(key))
		}
		slices.Sort(known)
		c.add("%s. Supported parameters include: %s.", strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	c.options(options, given, path)
}

func (c *specCheck) choice(name string, v any, choices []any, within string) {
	var words []string
	values := []any{v}
	list, many := v.(*py.List)
	if many {
		values = list.Items
	}
	for _, choice := range choices {
		words = append(words, Text(choice))
	}
	for _, value := range values {
		if slices.Contains(words, Text(value)) {
			continue
		}
		if many {
			c.add("value of %s must be one or more of: %s. Got no match for: %s%s", name, strings.Join(words, ", "), Text(value), within)
		} else {
			c.add("value of %s must be one of: %s, got: %s%s", name, strings.Join(words, ", "), Text(value), within)
		}
	}
}

var errConvert = errors.New("conversion is not possible")

// convert makes a value of the type that a specification wants.
func convert(v any, want string) (any, error) {
	text := ""
	isText := true
	switch x := v.(type) {
	case string:
		text = x
	case py.Unsafe:
		text = string(x)
	default:
		isText = false
	}
	cannot := fmt.Errorf("%s cannot be converted to %s %s", class(v), article(want), want)
	switch want {
	case "str", "path", "raw", "any", "jsonarg", "json":
		return v, nil
	case "bool":
		if b, ok := Bool(v); ok {
			return b, nil
		}
		return v, fmt.Errorf("The value '%s' is not a valid boolean.  Valid booleans include: 0, 1, '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'", Text(v))
	case "int":
		if n, ok := v.(int64); ok {
			return n, nil
		}
		if isText {
			if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
				return n, nil
			}
		}
		return v, cannot
	case "float":
		switch n := v.(type) {
		case float64:
			return n, nil
		case int64:
			return float64(n), nil
		}
		if f, err := strconv.ParseFloat(strings.TrimSpace(text), 64); isText && err == nil {
			return f, nil
		}
		return v, cannot
	case "list":
		switch x := v.(type) {
		case *py.List:
			return x, nil
		case py.Tuple:
			return py.NewList(x...), nil
		case int64, float64:
			return py.NewList(Text(x)), nil
		}
		if isText {
			return py.NewList(Items(text)...), nil
		}
		return v, cannot
	case "dict":
		if d, ok := v.(*py.Dict); ok {
			return d, nil
		}
		if isText && strings.HasPrefix(text, "{") {
			if parsed, err := py.FromJSON([]byte(text), true); err == nil {
				return parsed, nil
			}
		}
		if isText && strings.Contains(text, "=") {
			d := py.NewDict()
			for part := range strings.SplitSeq(text, ",") {
				k, value, ok := strings.Cut(strings.TrimSpace(part), "=")
				if !ok {
					return v, errConvert
				}
				d.Set(k, value)
			}
			return d, nil
		}
		if isText {
			return v, errors.New("dictionary requested, could not parse JSON or key=value")
		}
		return v, cannot
	}
	return v, nil
}

func article(word string) string {
	if strings.ContainsRune("aeiou", rune(word[0])) {
		return "an"
	}
	return "a"
}

// class is Python's name of the type of a value.
func class(v any) string { return "<class '" + py.TypeName(v) + "'>" }
