package module

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "lineinfile",
		Help:    "One line of a file is there, or is not",
		Example: "lineinfile: {path: /etc/hosts, regexp: '^127\\.0\\.0\\.1', line: 127.0.0.1 localhost, owner: root}",
		Options: []Option{
			{Name: "path", Type: Path, Required: true, Aliases: []string{"dest", "destfile", "name"}},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "regexp", Aliases: []string{"regex"}},
			{Name: "search_string"},
			{Name: "line", Aliases: []string{"value"}},
			{Name: "insertafter"},
			{Name: "insertbefore"},
			{Name: "backrefs", Type: Bool, Default: false},
			{Name: "create", Type: Bool, Default: false},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "firstmatch", Type: Bool, Default: false},
			{Name: "validate"},
		},
		FileArgs:          true,
		MutuallyExclusive: [][]string{{"insertbefore", "insertafter"}, {"regexp", "search_string"}, {"backrefs", "search_string"}},
		Check:             CheckFull,
		Diff:              true,
		Plan:              planLine,
	})
}

// lineTask looks for the line in the lines of a file.
type lineTask struct {
	*Task
	lines        []string // each with its end
	pattern      *pattern // regexp
	place        *pattern // insertafter or insertbefore
	found        int      // the line that is replaced; -1 when there is none
	insertAt     int      // -1 when no place was found
	match        []int
	matchedLine  string
	after, where string // insertafter, insertbefore
}

func planLine(_ context.Context, t *Task) error {
	for name, word := range map[string]string{"regexp": "regular expression", "search_string": "search string"} {
		if t.Has(name) && t.Str(name) == "" {
			hint := ""
			if name == "regexp" {
				hint = " If this is desired, use '^' to match every line in the file and avoid this warning."
			}
			t.Warn("The %s is an empty string, which will match every line in the file. This may have unintended consequences, "+
				"such as replacing the last line in the file rather than appending.%s", word, hint)
		}
	}
	e, err := t.newEdit()
	if err != nil {
		return err
	}
	l := &lineTask{Task: t, found: -1, insertAt: -1, lines: splitKeep(string(e.before))}
	if t.Has("regexp") {
		if l.pattern, err = compile(t.Str("regexp"), ""); err != nil {
			return err
		}
	}
	if t.Str("state") == "absent" {
		return l.absent(e)
	}
	if t.Bool("backrefs") && !t.Has("regexp") {
		return fail("regexp is required with backrefs=true")
	}
	if !t.Has("line") {
		return fail("line is required with state=present")
	}
	return l.present(e)
}

func (l *lineTask) absent(e *edit) error {
	if !l.Has("regexp") && !l.Has("search_string") && !l.Has("line") {
		return fail("one of line, search_string, or regexp is required with state=absent")
	}
	if !e.existed {
		l.Return("msg", "file not present")
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(l.lines), func(line string) bool {
		switch {
		case l.pattern != nil:
			return l.pattern.matches(line)
		case l.Has("search_string"):
			return strings.Contains(line, l.Str("search_string"))
		}
		return strings.TrimRight(line, "\r\n") == l.Str("line")
	})
	e.after = []byte(strings.Join(kept, ""))
	removed := len(l.lines) - len(kept)
	msg := ""
	if removed > 0 {
		msg = fmt.Sprintf("%d line(s) removed", removed)
	}
	l.Return("found", int64(removed))
	return l.conclude(e, msg)
}

func (l *lineTask) present(e *edit) error {
	if !e.existed && !l.Bool("create") {
		return fail(fmt.Sprintf("Destination %s does not exist !", l.Str("path")), Result{"rc": int64(257)})
	}
	l.after, l.where = l.Str("insertafter"), l.Str("insertbefore")
	if !l.Has("insertafter") && !l.Has("insertbefore") {
		l.after = "EOF"
	}
	if err := l.search(); err != nil {
		return err
	}
	msg, err := l.put()
	if err != nil {
		return err
	}
	e.after = []byte(strings.Join(l.lines, ""))
	if msg == "" && !e.existed {
		e.after = nil
	}
	return l.conclude(e, msg)
}

// search finds the line to replace, or the place for a new one.
func (l *lineTask) search() (err error) {
	switch {
	case l.after != "" && l.after != "BOF" && l.after != "EOF":
		l.place, err = compile(l.after, "")
	case l.where != "" && l.where != "BOF":
		l.place, err = compile(l.where, "")
	}
	if err != nil {
		return err
	}
	first := l.Bool("firstmatch")
	for i, line := range l.lines {
		if l.pattern != nil {
			loc := l.pattern.find(line)
			if loc == nil {
				continue
			}
			l.match, l.matchedLine = loc, line
		} else if !l.Has("search_string") || !strings.Contains(line, l.Str("search_string")) {
			continue
		}
		l.found = i
		if first {
			break
		}
	}
	if l.found >= 0 {
		return nil
	}
	for i, line := range l.lines {
		if strings.TrimRight(line, "\r\n") == l.Str("line") {
			l.found = i
			continue
		}
		if l.place == nil || !l.place.matches(line) {
			continue
		}
		l.insertAt = i
		if l.after != "" {
			l.insertAt++
		}
		if first {
			break
		}
	}
	return nil
}

// put replaces or inserts the line and says which.
func (l *lineTask) put() (string, error) {
	line := l.Str("line")
	if l.found >= 0 {
		if l.Bool("backrefs") && l.match != nil {
			var err error
			if line, err = l.pattern.expand(line, l.matchedLine, l.match); err != nil {
				return "", err
			}
		}
		if !strings.HasSuffix(line, "\n") {
			line += "\n"
		}
		if l.lines[l.found] == line {
			return "", nil
		}
		l.lines[l.found] = line
		return "line replaced", nil
	}
	switch {
	case l.Bool("backrefs"):
		return "", nil
	case l.where == "BOF" || l.after == "BOF":
		l.lines = slices.Insert(l.lines, 0, line+"\n")
	case l.after == "EOF" || l.insertAt < 0 || l.insertAt >= len(l.lines):
		if n := len(l.lines); n > 0 && !strings.HasSuffix(l.lines[n-1], "\n") && !strings.HasSuffix(l.lines[n-1], "\r") {
			l.lines[n-1] += "\n"
		}
		l.lines = append(l.lines, line+"\n")
	default:
		if strings.TrimRight(l.lines[l.insertAt], "\r\n") == line {
			return "", nil
		}
		l.lines = slices.Insert(l.lines, l.insertAt, line+"\n")
	}
	return "line added", nil
}

func (l *lineTask) conclude(e *edit, msg string) error {
	diff := e.contentDiff()
	l.Return("backup", "")
	if e.changed() {
		e.write(l.lineValidate, "backup")
	}
	l.Return("msg", msg)
	l.Return("diff", []any{diff})
	if !e.existed && e.after == nil {
		return nil
	}
	msg, attrs, err := e.attributes(msg)
	l.Return("msg", msg)
	l.Return("diff", []any{diff, attrs})
	return err
}
