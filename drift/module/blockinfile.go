package module

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "blockinfile",
		Help:    "A block of lines between two marks is in a file, or is not",
		Example: "blockinfile: {path: /etc/hosts, marker: '# {mark} cluster', block: '10.0.0.1 a', insertafter: EOF}",
		Options: []Option{
			{Name: "path", Type: Path, Required: true, Aliases: []string{"dest", "destfile", "name"}},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "marker", Default: "# {mark} ANSIBLE MANAGED BLOCK"},
			{Name: "block", Default: "", Aliases: []string{"content"}},
			{Name: "insertafter"},
			{Name: "insertbefore"},
			{Name: "create", Type: Bool, Default: false},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "validate"},
			{Name: "marker_begin", Default: "BEGIN"},
			{Name: "marker_end", Default: "END"},
			{Name: "append_newline", Type: Bool, Default: false, Since: "2.16"},
			{Name: "prepend_newline", Type: Bool, Default: false, Since: "2.16"},
			{Name: "encoding", Default: "utf-8", Since: "2.20"},
		},
		FileArgs:          true,
		MutuallyExclusive: [][]string{{"insertbefore", "insertafter"}},
		Check:             CheckFull,
		Diff:              true,
		Plan:              planBlock,
	})
}

func planBlock(_ context.Context, t *Task) error {
	e, err := t.newEdit()
	if err != nil {
		return err
	}
	present := t.Str("state") == "present"
	if !e.existed && !t.Bool("create") {
		return fail(fmt.Sprintf("Path %s does not exist !", t.Str("path")), Result{"rc": int64(257)})
	}
	if !e.existed && !present {
		t.Return("msg", fmt.Sprintf("File %s not present", t.Str("path")))
		return nil
	}
	lines, block, err := t.withBlock(string(e.before), present)
	if err != nil {
		return err
	}
	e.after = []byte(strings.Join(lines, ""))
	msg := ""
	switch {
	case !e.existed:
		msg = "File created"
	case !e.changed():
	case block == nil:
		msg = "Block removed"
	default:
		msg = "Block inserted"
	}
	diff := e.contentDiff()
	if e.changed() {
		e.write(t.lineValidate, "backup_file")
	}
	msg, attrs, err := e.attributes(msg)
	t.Return("msg", msg)
	t.Return("diff", []any{diff, attrs})
	return err
}

// withBlock returns the lines with the block in its place, and the block's lines.
func (t *Task) withBlock(text string, present bool) (lines, block []string, err error) {
	lines = splitKeep(text)
	begin := strings.ReplaceAll(t.Str("marker"), "{mark}", t.Str("marker_begin")) + "\n"
	end := strings.ReplaceAll(t.Str("marker"), "{mark}", t.Str("marker_end")) + "\n"
	if body := t.Str("block"); present && body != "" {
		if !strings.HasSuffix(body, "\n") {
			body += "\n"
		}
		block = append(append([]string{begin}, splitKeep(body)...), end)
	}
	first, last := -1, -1
	for i, line := range lines {
		if line == begin {
			first = i
		}
		if line == end {
			last = i
		}
	}
	at := min(first, last)
	if at >= 0 {
		lines = slices.Delete(lines, at, max(first, last)+1)
	} else if at, err = t.blockPlace(text, lines); err != nil {
		return nil, nil, err
	}
	if at > 0 && !strings.HasSuffix(lines[at-1], "\n") {
		lines[at-1] += "\n"
	}
	if block != nil && t.Bool("prepend_newline") && at > 0 && lines[at-1] != "\n" {
		block = append([]string{"\n"}, block...)
	}
	if block != nil && t.Bool("append_newline") && at < len(lines) && lines[at] != "\n" {
		block = append(block, "\n")
	}
	return slices.Insert(lines, at, block...), block, nil
}

// blockPlace is the line that a new block goes before.
func (t *Task) blockPlace(text string, lines []string) (int, error) {
	after, before := t.Str("insertafter"), t.Str("insertbefore")
	want := after
	switch {
	case before == "BOF":
		return 0, nil
	case before != "":
		want = before
	case after == "" || after == "EOF":
		return len(lines), nil
	}
	p, err := compile(want, "")
	if err != nil {
		return 0, err
	}
	if strings.HasPrefix(want, "(?m") || strings.HasPrefix(want, "(?s)(?m") {
		loc := p.find(text)
		switch {
		case loc == nil:
			return len(lines), nil
		case before == "":
			return strings.Count(text[:loc[1]], "\n") + 1, nil
		}
		return strings.Count(text[:loc[0]], "\n"), nil
	}
	at := -1
	for i, line := range lines {
		if p.matches(line) {
			at = i
		}
	}
	switch {
	case at < 0:
		return len(lines), nil
	case before == "":
		return at + 1, nil
	}
	return at, nil
}
