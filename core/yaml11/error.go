package yaml11

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Error is what is wrong at a place of a file.
type Error struct {
	Name         string
	Line, Column int // from 1
	Problem      string
	Excerpt      string // the lines around it, with a mark
}

func newError(name string, data []byte, line, column int, problem string) *Error {
	line, column = max(line, 1), max(column, 1)
	return &Error{Name: name, Line: line, Column: column, Problem: problem, Excerpt: Excerpt(data, line, column)}
}

func (e *Error) Error() string {
	text := fmt.Sprintf("Syntax Error while loading YAML.\n  %s\n\nThe error appears to be in '%s': line %d, column %d, but may\nbe elsewhere in the file depending on the exact syntax problem.",
		e.Problem, e.Name, e.Line, e.Column)
	if e.Excerpt != "" {
		text += "\n\nThe offending line appears to be:\n\n" + e.Excerpt
	}
	if hint := e.hint(); hint != "" {
		text += "\n" + hint
	}
	return text
}

func (e *Error) hint() string {
	line := strings.TrimSpace(strings.SplitN(e.Excerpt+"\n\n", "\n", 3)[1])
	switch {
	case strings.Contains(line, "{{") && !strings.Contains(line, "\"{{") && !strings.Contains(line, "'{{"):
		return "hint: a value that begins with a template must be quoted: key: \"{{ name }}\""
	case strings.Contains(e.Problem, "tab character"):
		return "hint: YAML does not allow tabs in indentation"
	case strings.Contains(e.Problem, "mapping values are not allowed"):
		return "hint: a value with a colon and a space in it must be quoted"
	}
	return ""
}

// Excerpt shows a line and the one before it, and marks the column.
func Excerpt(data []byte, line, column int) string {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	target := clip(lines[line-1])
	if strings.TrimSpace(target) == "" {
		return ""
	}
	var b strings.Builder
	if line > 1 {
		b.WriteString(clip(lines[line-2]))
	}
	b.WriteByte('\n')
	b.WriteString(target)
	b.WriteByte('\n')
	if column <= 500 {
		b.WriteString(strings.Repeat(" ", max(column-1, 0)))
		b.WriteString("^ here")
	}
	return b.String()
}

func clip(line []byte) string {
	line = bytes.TrimRight(line, "\r")
	if len(line) > 500 {
		line = line[:500]
	}
	return string(line)
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }
