package module

import (
	"context"
	"fmt"
)

func init() {
	register(Kind{
		Name:    "replace",
		Help:    "Replace everything in a file that a pattern matches",
		Example: "replace: {path: /etc/app.conf, regexp: '^debug=.*$', replace: debug=no}",
		Options: []Option{
			{Name: "path", Type: Path, Required: true, Aliases: []string{"dest", "destfile", "name"}},
			{Name: "regexp", Required: true},
			{Name: "replace", Default: ""},
			{Name: "after"},
			{Name: "before"},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "validate"},
			{Name: "encoding", Default: "utf-8"},
		},
		FileArgs: true,
		Check:    CheckFull,
		Diff:     true,
		Plan:     planReplace,
	})
}

func planReplace(_ context.Context, t *Task) error {
	e, err := t.newEdit()
	if err != nil {
		return err
	}
	if !e.existed {
		return fail(fmt.Sprintf("Path %s does not exist !", t.Str("path")), Result{"rc": int64(257)})
	}
	t.Return("rc", int64(0))
	content := string(e.before)
	start, end, pattern, err := t.section(content)
	if err != nil {
		return err
	}
	if start < 0 {
		t.Return("msg", "Pattern for before/after params did not match the given file: "+pattern)
		return nil
	}
	p, err := compile(t.Str("regexp"), "m")
	if err != nil {
		return err
	}
	section, n, err := p.replaceAll(content[start:end], t.Str("replace"))
	if err != nil {
		return err
	}
	e.after = []byte(content[:start] + section + content[end:])
	msg := ""
	if e.changed() {
		msg = fmt.Sprintf("%d replacements made", n)
		t.addDiff(map[string]any{
			"before": shortText(e.before), "after": shortText(e.after),
			"before_header": t.Str("path"), "after_header": t.Str("path"),
		})
		e.write(t.lineValidate, "backup_file")
	}
	msg, _, err = e.attributes(msg)
	t.Return("msg", msg)
	return err
}

// section is the part of the file that is looked at; start is -1 when after and before do not match.
func (t *Task) section(content string) (start, end int, text string, err error) {
	after, before := t.Str("after"), t.Str("before")
	switch {
	case after != "" && before != "":
		text = after + "(?P<subsection>.*?)" + before
	case after != "":
		text = after + "(?P<subsection>.*)"
	case before != "":
		text = "(?P<subsection>.*)" + before
	default:
		return 0, len(content), "", nil
	}
	p, err := compile(text, "s")
	if err != nil {
		return 0, 0, text, err
	}
	loc := p.find(content)
	if loc == nil {
		return -1, -1, text, nil
	}
	start, end = p.group(loc, "subsection")
	return start, end, text, nil
}
