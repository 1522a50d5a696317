package output

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/engine"
)

const censored = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"

// Shown is what may be seen of a result: nothing but that it is hidden where no_log says so, and nothing that is goodstate's own.
func Shown(e engine.Event) *py.Dict {
	if e.Task != nil && e.Task.NoLog || action.Is(e.Result, "_ansible_no_log") {
		out := py.DictOf("censored", censored)
		for _, key := range []string{"attempts", "changed", "retries"} {
			if v, ok := e.Result.Get(key); ok {
				out.Set(key, v)
			}
		}
		return out
	}
	out := py.NewDict()
	for k, v := range e.Result.All() {
		if name, ok := k.(string); ok && strings.HasPrefix(name, "_ansible_") {
			continue
		}
		switch k {
		case "failed", "skipped":
			if e.Task == nil || short(e.Task.Action) != "debug" || k == "failed" {
				continue
			}
		}
		out.Set(k, engine.Public(v))
	}
	return out
}

func short(name string) string {
	for _, p := range []string{"ansible.builtin.", "ansible.legacy."} {
		name = strings.TrimPrefix(name, p)
	}
	return name
}

// dump writes a result as the default callback does.
func (t *Text) dump(e engine.Event) string {
	d := Shown(e)
	if short(e.Task.Action) == "debug" {
		d = debugOnly(d)
	}
	if t.Verbosity < 3 {
		d.Delete("invocation")
		d.Delete("diff")
	}
	d.Delete("exception")
	indent := 0
	if action.Is(e.Result, "_ansible_verbose_always") || t.Verbosity > 2 {
		indent = 4
	}
	return jsonText(d, indent)
}

// debugOnly leaves of a debug result what the person asked for.
func debugOnly(d *py.Dict) *py.Dict {
	out := py.NewDict()
	hide := []any{"changed", "failed", "skipped", "invocation", "skip_reason"}
	for k, v := range d.All() {
		if d.Has("msg") {
			if k == "msg" || k == "exception" || k == "warnings" || k == "deprecations" || k == "censored" {
				out.Set(k, v)
			}
		} else if !slices.Contains(hide, k) {
			out.Set(k, v)
		}
	}
	return out
}

func sortedKeys(d *py.Dict) []any {
	keys := d.Keys()
	slices.SortFunc(keys, func(a, b any) int { return strings.Compare(py.Str(a), py.Str(b)) })
	return keys
}

// sorted orders the keys of all dicts.
func sorted(value any) any {
	switch v := value.(type) {
	case *py.Dict:
		out := py.NewDict()
		for _, k := range sortedKeys(v) {
			item, _ := v.Get(k)
			out.Set(k, sorted(item))
		}
		return out
	case *py.List:
		out := &py.List{Items: make([]any, len(v.Items))}
		for i, item := range v.Items {
			out.Items[i] = sorted(item)
		}
		return out
	case py.Tuple:
		out := make(py.Tuple, len(v))
		for i, item := range v {
			out[i] = sorted(item)
		}
		return out
	}
	return value
}

// jsonText is Python's json.dumps with sorted keys.
func jsonText(value any, indent int) string {
	compact, err := py.ToJSON(sorted(value))
	if err != nil {
		return py.Repr(value)
	}
	if indent > 0 {
		var b bytes.Buffer
		if err := json.Indent(&b, compact, "", strings.Repeat(" ", indent)); err == nil {
			return b.String()
		}
	}
	return spaced(compact)
}

// spaced puts a space behind commas and colons outside of text.
func spaced(compact []byte) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		b.WriteByte(c)
		switch {
		case inside && c == '\\':
			i++
			b.WriteByte(compact[i])
		case c == '"':
			inside = !inside
		case !inside && (c == ',' || c == ':'):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// Pretty is a value as ansible-inventory prints it.
func Pretty(value any) string { return jsonText(value, 4) }
