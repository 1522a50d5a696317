package module

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "ini_file",
		Also:    []string{"community.general.ini_file"},
		Help:    "One option of an INI file",
		Example: "ini_file: {path: /etc/app.ini, section: server, option: port, value: '8080'}",
		Options: []Option{
			{Name: "path", Type: Path, Required: true, Aliases: []string{"dest"}},
			{Name: "section"},
			{Name: "option"},
			{Name: "value"},
			{Name: "values", Type: List, Elements: Str},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "exclusive", Type: Bool, Default: true},
			{Name: "no_extra_spaces", Type: Bool, Default: false},
			{Name: "ignore_spaces", Type: Bool, Default: false, Since: "2.15"},
			{Name: "allow_no_value", Type: Bool, Default: false},
			{Name: "create", Type: Bool, Default: true},
			{Name: "follow", Type: Bool, Default: false, Since: "2.15"},
			{Name: "modify_inactive_option", Type: Bool, Default: true, Since: "2.15"},
			{Name: "section_has_values", Type: List, Elements: Dict, Since: "2.17"},
		},
		MutuallyExclusive: [][]string{{"value", "values"}},
		FileArgs:          true,
		Check:             CheckFull,
		Diff:              true,
		Plan:              planINI,
	})
}

func planINI(_ context.Context, t *Task) error {
	if t.Has("section_has_values") || t.Has("values") || !t.Bool("exclusive") {
		return notNative("ini_file with several values of one option")
	}
	if t.Str("state") == "present" && !t.Bool("allow_no_value") && !t.Has("value") {
		return fail("Parameter 'value(s)' must be defined if state=present and allow_no_value=False.")
	}
	e, err := t.newEdit()
	if err != nil {
		return err
	}
	if !e.existed && !t.Bool("create") {
		return fail(fmt.Sprintf("Destination %s does not exist!", t.Str("path")), Result{"rc": int64(257)})
	}
	lines := splitKeep(string(e.before))
	mended := false
	if n := len(lines); n == 0 {
		lines = []string{"\n"} // so begins what is written into an empty file
	} else if !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
		mended = true
	}
	lines, msg := t.editINI(lines)
	if msg == "" && mended {
		msg = "OK"
	}
	after := strings.Join(lines, "")
	t.Return("path", t.Str("path"))
	t.Return("msg", "OK")
	if msg != "" {
		e.after = []byte(after)
		t.Return("msg", msg)
		e.write(nil, "backup_file")
	} else {
		e.after = e.before
	}
	d := e.contentDiff()
	if msg == "" {
		d["after"] = d["before"]
	}
	if _, _, err := e.attributes(""); err != nil {
		return err
	}
	t.Return("diff", d)
	return nil
}

// assignment writes an option.
func (t *Task) assignment() string {
	if !t.Has("value") {
		return t.Str("option") + "\n"
	}
	separator := " = "
	if t.Bool("no_extra_spaces") {
		separator = "="
	}
	if t.Str("value") == "" && !t.Bool("no_extra_spaces") {
		separator = " = "
	}
	return t.Str("option") + separator + t.Str("value") + "\n"
}

// editINI returns the lines as they shall be, and what was done; empty when nothing.
func (t *Task) editINI(lines []string) ([]string, string) {
	start, end := 0, len(lines)
	found := t.Str("section") == ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if !strings.HasPrefix(trimmed, "[") || !strings.Contains(trimmed, "]") {
			continue
		}
		name := trimmed[1:strings.IndexByte(trimmed, ']')]
		switch {
		case found:
			end = i
		case name == t.Str("section"):
			found, start = true, i+1
			continue
		default:
			continue
		}
		break
	}
	if !found {
		return t.newSection(lines)
	}
	return t.editSection(lines, start, end)
}

func (t *Task) newSection(lines []string) ([]string, string) {
	if t.Str("state") == "absent" {
		return lines, ""
	}
	lines = append(lines, "["+t.Str("section")+"]\n")
	msg := "only section added"
	if t.Has("option") && (t.Has("value") || t.Bool("allow_no_value")) {
		lines = append(lines, t.assignment())
		msg = "section and option added"
	}
	return lines, msg
}

func (t *Task) editSection(lines []string, start, end int) ([]string, string) {
	if !t.Has("option") {
		if t.Str("state") == "absent" && start > 0 {
			return slices.Delete(lines, start-1, end), "section removed"
		}
		return lines, ""
	}
	name := regexp.QuoteMeta(t.Str("option"))
	active := regexp.MustCompile(`^[ \t]*` + name + `[ \t]*(=|\n|$)`)
	inactive := regexp.MustCompile(`^[ \t]*[#;]?[ \t]*` + name + `[ \t]*(=|\n|$)`)
	if t.Str("state") == "absent" {
		kept := slices.DeleteFunc(slices.Clone(lines[start:end]), active.MatchString)
		if len(kept) == end-start {
			return lines, ""
		}
		return slices.Concat(lines[:start], kept, lines[end:]), "option changed"
	}
	for _, p := range []*regexp.Regexp{active, inactive} {
		if p == inactive && !t.Bool("modify_inactive_option") {
			break
		}
		for i := start; i < end; i++ {
			if p.MatchString(lines[i]) {
				return t.setOption(lines, i, end, active)
			}
		}
	}
	at := end
	for at > start && (strings.TrimSpace(lines[at-1]) == "" || strings.ContainsRune("#;", rune(strings.TrimSpace(lines[at-1])[0]))) {
		at-- // what is said after the last option belongs to what comes next
	}
	return slices.Insert(lines, at, t.assignment()), "option added"
}

// setOption changes a line and drops further ones of the same option.
func (t *Task) setOption(lines []string, at, end int, active *regexp.Regexp) ([]string, string) {
	msg := ""
	want := t.assignment()
	if lines[at] != want && !(t.Bool("ignore_spaces") && strings.ReplaceAll(lines[at], " ", "") == strings.ReplaceAll(want, " ", "")) {
		lines[at] = want
		msg = "option changed"
	}
	kept := slices.DeleteFunc(slices.Clone(lines[at+1:end]), active.MatchString)
	if len(kept) != end-at-1 {
		msg = "option changed"
	}
	return slices.Concat(lines[:at+1], kept, lines[end:]), msg
}
