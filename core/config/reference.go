package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Reference is a Markdown page with every key and every member of every family, for docs/.
func Reference[T any]() string {
	r := &reference{seen: map[reflect.Type]string{}}
	r.section(reflect.TypeFor[T](), "")
	for i := 0; i < len(r.families); i++ { // members may bring in families of their own
		r.family(r.families[i])
	}
	return strings.TrimLeft(r.String(), "\n")
}

type reference struct {
	strings.Builder
	seen     map[reflect.Type]string // struct type to the path it is shown under
	families []*family
}

// section is a table of a struct's keys, then the sections below it.
func (r *reference) section(t reflect.Type, path string) {
	title := "The file"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(r, "\n## %s\n\n", title)
	r.seen[t] = title
	l := layoutOf(t)
	if family := l.family(t); family != nil {
		fmt.Fprintf(r, "One %s (see [%s](#%s)), and beside it:\n\n", family.noun, family.noun, family.noun)
		r.meet(family)
	}
	r.table(t, reflect.Value{})
	r.belowAll(t, path)
}

func (r *reference) belowAll(t reflect.Type, path string) {
	for _, f := range layoutOf(t).fields {
		r.below(f.typ, strings.TrimPrefix(path+"."+f.key, "."))
	}
}

func (r *reference) below(t reflect.Type, path string) {
	f := formOf(t)
	switch f.kind {
	case sectionForm:
		if _, shown := r.seen[f.of]; !shown {
			r.section(f.of, path)
		}
	case choiceForm:
		r.meet(f.family)
	case listForm:
		r.below(f.elem, path+"[]")
	case mapForm:
		r.below(f.elem, path+".NAME")
	}
}

func (r *reference) meet(f *family) {
	if !slices.ContainsFunc(r.families, func(k *family) bool { return k.of == f.of }) {
		r.families = append(r.families, f)
	}
}

func (r *reference) family(f *family) {
	fmt.Fprintf(r, "\n## %s\n", f.noun)
	for _, m := range f.members {
		fmt.Fprintf(r, "\n### %s: %s\n\n%s.\n", f.noun, m.Name, upper(m.Help))
		if m.Example != "" {
			fmt.Fprintf(r, "\n```yaml\n%s\n```\n", strings.TrimSpace(m.Example))
		}
		settings := m.settings()
		if !settings.IsValid() {
			continue
		}
		form := formOf(settings.Type())
		if form.kind != sectionForm {
			fmt.Fprintf(r, "\nWritten as %s.\n", form.words)
			continue
		}
		r.WriteString("\n")
		r.seen[form.of] = "`" + f.noun + ": " + m.Name + "`"
		r.table(form.of, settings)
		r.belowAll(form.of, m.Name)
	}
}

func (r *reference) table(t reflect.Type, filled reflect.Value) {
	l := layoutOf(t)
	if len(l.fields) == 0 {
		r.WriteString("No keys.\n")
		return
	}
	r.WriteString("| key | what it is | written as | default |\n|---|---|---|---|\n")
	for _, f := range l.fields {
		d := describe(f, filled)
		words := d.words
		if form := formOf(f.typ); form.kind == sectionForm && r.seen[form.of] != "" {
			words += ", as in " + r.seen[form.of]
		}
		preset := ""
		switch {
		case d.required:
			preset = "required"
		case d.preset != "":
			preset = "`" + cell(d.preset) + "`"
		}
		fmt.Fprintf(r, "| `%s` | %s | %s | %s |\n", f.key, cell(d.help), cell(words), preset)
	}
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", `\|`), "\n", " ")
}

func upper(text string) string {
	text = strings.TrimSuffix(text, ".")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
