package moving

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/message"
)

// YAML is the hooks section for goodstate.yaml. It is empty when nothing could be moved.
func (f Found) YAML() string {
	if f.Empty() {
		return ""
	}
	w := &writer{}
	w.comment(0, "moved from "+strings.Join(f.files, ", ")+"; jobs with fix run first and in this order, the others at the same time")
	for _, r := range f.remarks {
		w.comment(0, r)
	}
	w.line(0, "hooks:")
	for _, s := range f.ordered() {
		w.stage(s)
	}
	return w.b.String()
}

type writer struct{ b strings.Builder }

func (w *writer) line(indent int, format string, values ...any) {
	w.b.WriteString(strings.Repeat("  ", indent) + fmt.Sprintf(format, values...) + "\n")
}

func (w *writer) comment(indent int, text string) {
	if text = oneLine(text); text != "" {
		w.b.WriteString(strings.Repeat("  ", indent) + "# " + text + "\n")
	}
}

func (w *writer) stage(s *stage) {
	w.line(1, "%s:", s.name)
	if len(s.rules) > 0 {
		w.line(2, "rules:")
	}
	for _, r := range s.rules {
		w.comment(3, r.remark)
		options := maps.Clone(r.options)
		if options == nil {
			options = map[string]any{}
		}
		for name, list := range map[string][]string{"files": r.files, "exclude": r.exclude, "types": r.types} {
			if len(list) > 0 {
				options[name] = list
			}
		}
		w.line(3, "%s: %s", r.name, flow(options))
	}
	if s.message != nil {
		w.comment(2, s.remark)
		w.line(2, "message: %s", flow(policy(*s.message)))
	}
	if len(s.jobs) > 0 {
		w.line(2, "jobs:")
	}
	for _, j := range s.jobs {
		w.comment(3, j.remark)
		w.line(3, "%s:", scalarText(j.name))
		for _, part := range j.parts() {
			w.line(4, "%s: %s", part.key, flow(part.value))
		}
	}
}

type part struct {
	key   string
	value any
}

// parts are the keys that say something, in the order of the documentation.
func (j *job) parts() []part {
	all := []part{{"run", j.run}}
	add := func(key string, said bool, value any) {
		if said {
			all = append(all, part{key, value})
		}
	}
	add("files", len(j.files) > 0, j.files)
	add("exclude", len(j.exclude) > 0, j.exclude)
	add("types", len(j.types) > 0, j.types)
	add("fix", j.fix, true)
	add("dir", j.dir != "", j.dir)
	add("env", len(j.env) > 0, j.env)
	add("group", j.group != "", j.group)
	add("needs", len(j.needs) > 0, j.needs)
	add("link", len(j.link) > 0, j.link)
	add("sees", j.sees != "", j.sees)
	add("always", j.always, true)
	return all
}

// policy is a message policy as its keys and values; what is not said is not there.
func policy(p message.Policy) any {
	data, err := json.Marshal(p)
	if err != nil {
		return map[string]any{}
	}
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return map[string]any{}
	}
	return out
}

// flow writes a value in YAML's flow form.
func flow(v any) string {
	switch v := v.(type) {
	case string:
		return scalarText(v)
	case map[string]string:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, scalarText(key)+": "+quotedText(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, scalarText(key)+": "+flow(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []string:
		var parts []string
		for _, item := range v {
			parts = append(parts, scalarText(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// bare are texts that stand in YAML as they are. Words that could be read as something else are not among them.
var bare = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{2,}$`)

func scalarText(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "off", "nan", "inf":
		return quotedText(text)
	}
	if bare.MatchString(text) {
		return text
	}
	return quotedText(text)
}

// quotedText is a text in double quotes. JSON's escapes are YAML's too.
func quotedText(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""`
	}
	out := strings.TrimSuffix(b.String(), "\n")
	return strings.ReplaceAll(strings.ReplaceAll(out, "\x7f", `\x7f`), "\uFFFD", `\uFFFD`)
}
