package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file, where it is, and what to write instead.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`    // from 1; 0 when the problem has no line
	Column  int    `json:"column,omitempty"`  // from 1, in characters
	Path    string `json:"path,omitempty"`    // "services.web.strategy"
	Message string `json:"message"`           // what is wrong, with the nearest right name
	Hint    string `json:"hint,omitempty"`    // what to do
	Excerpt string `json:"excerpt,omitempty"` // the line with a caret under the column
}

// String is the problem with its excerpt and hint on lines of their own.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	if p.Hint != "" {
		b.WriteString("\n   hint: " + p.Hint)
	}
	return b.String()
}

// Errors is everything that is wrong with a file, in line order. It is never empty.
type Errors struct {
	Problems []Problem `json:"problems"`
}

// Error lists every problem.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the list; after so many the reader starts at the top anyway.
const maxProblems = 100

// ordered sorts by place and drops what was said twice.
func ordered(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	problems = slices.Compact(problems)
	if left := len(problems) - maxProblems; left > 0 {
		problems = append(problems[:maxProblems], Problem{
			File: problems[0].File, Message: fmt.Sprintf("and %d more problems", left),
		})
	}
	return problems
}
