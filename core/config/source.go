package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// source is the text of one file, for parsing and for the excerpts in problems.
type source struct {
	name  string
	data  []byte
	lines []string
}

// mask is a value that no excerpt may show.
type mask struct {
	place place
	text  string
}

func newSource(name string, data []byte) *source {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	src := &source{name: name, data: data}
	if len(data) <= maxFile {
		src.lines = strings.Split(string(data), "\n")
	}
	return src
}

// parse returns the root value. Problems that leave the rest of the file readable come with the root.
func (s *source) parse() (*node, []Problem) {
	if len(s.data) > maxFile {
		return nil, []Problem{{Message: fmt.Sprintf("is larger than %s", Size(maxFile)), Hint: "a configuration is written by people; is this the right file?"}}
	}
	if p := s.unreadable(); p != nil {
		return nil, []Problem{*p}
	}
	file, p := s.syntax()
	if p != nil {
		return nil, []Problem{*p}
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc != nil && doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, []Problem{{Message: "is empty", Hint: "goodstate init writes a first one"}}
	case 1:
		c := &converter{anchors: map[string]*node{}}
		root := c.convert(bodies[0], "", 0)
		root.owner = place{}
		return root, c.problems
	}
	at := placeOf(bodies[1].GetToken())
	if at.line > 1 && strings.HasPrefix(s.line(at.line-1), "---") {
		at = place{at.line - 1, 1}
	}
	return nil, []Problem{{Line: at.line, Column: at.column, Message: "a second document starts here, want one in a file"}}
}

// unreadable finds what is not text at all.
func (s *source) unreadable() *Problem {
	for i, line := range s.lines {
		if !utf8.ValidString(line) {
			return &Problem{Line: i + 1, Message: "is not UTF-8 text", Hint: "save the file as UTF-8"}
		}
		for column, r := range []rune(line) {
			if (r < ' ' && r != '\t') || r == 0x7f || r == utf8.RuneError {
				return &Problem{Line: i + 1, Column: column + 1, Message: fmt.Sprintf("has the control character %U", r), Hint: "remove it, or write it as an escape in double quotes"}
			}
		}
	}
	return nil
}

// syntax runs the YAML parser, whose recursion is bounded before it starts.
func (s *source) syntax() (file *ast.File, p *Problem) {
	defer func() {
		if r := recover(); r != nil { // the parser is not ours; an input that breaks it is still only a bad file
			file, p = nil, &Problem{Message: fmt.Sprintf("is not YAML that can be read: %v", r)}
		}
	}()
	tokens := lexer.Tokenize(string(s.data))
	if p := unbounded(tokens); p != nil {
		return nil, p
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	message, where := "", place{}
	var known yaml.Error
	if errors.As(err, &known) { // whose Error() prints the whole file, slowly
		message, where = known.GetMessage(), placeOf(known.GetToken())
	} else {
		message = err.Error()
	}
	p = &Problem{Line: where.line, Column: where.column, Message: "is not valid YAML: " + message}
	if where.line > 0 && strings.Contains(message, "'\t'") {
		p.Message, p.Hint = "is not valid YAML: a tab cannot indent", "use spaces"
	}
	return nil, p
}

const (
	maxAnchors = 1000
	maxBare    = 1000 // entries in a row without a value, for which the parser takes its time squared
)

// unbounded finds what would cost the parser too much: values nested too deep for its recursion, in brackets or as
// indicators on one line ("- - - -"), and what it does slowly. Indentation needs no check: so deep, it fills the file.
func unbounded(tokens token.Tokens) *Problem {
	brackets, opened, bare, anchors, line := 0, 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, opened = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.AnchorType:
			anchors++
		}
		switch t.Type {
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			opened, bare = opened+1, bare+1
		default:
			opened, bare = 0, 0
		}
		at, message := placeOf(t), ""
		switch {
		case brackets > maxDepth || opened > maxDepth:
			message = fmt.Sprintf("is nested deeper than %d values", maxDepth)
		case anchors > maxAnchors:
			message = fmt.Sprintf("has more than %d anchors", maxAnchors)
		case bare > maxBare:
			message = fmt.Sprintf("has more than %d empty entries in a row", maxBare)
		default:
			continue
		}
		return &Problem{Line: at.line, Column: at.column, Message: message}
	}
	return nil
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// errors completes the problems with file and excerpt. It returns nil, not an empty list, when there are none.
func (s *source) errors(problems []Problem, masks []mask) error {
	if len(problems) == 0 {
		return nil
	}
	problems = ordered(problems)
	for i := range problems {
		problems[i].File = s.name
		problems[i].Excerpt = s.excerpt(problems[i], masks)
	}
	return &Errors{Problems: problems}
}

func (s *source) line(number int) string {
	if number < 1 || number > len(s.lines) {
		return ""
	}
	return s.lines[number-1]
}

// excerpt is the line with its number and, under it, a caret.
func (s *source) excerpt(p Problem, masks []mask) string {
	if strings.TrimSpace(s.line(p.Line)) == "" {
		return ""
	}
	line := []rune(strings.ToValidUTF8(s.line(p.Line), "\uFFFD"))
	column := min(max(p.Column, 1), len(line)+1) - 1
	for _, m := range masks {
		if m.place.line == p.Line {
			line, column = m.hide(line, column)
		}
	}
	const most, before = 110, 70
	if from := column - before; len(line) > most && from > 0 {
		line, column = append([]rune("…"), line[from:]...), before+1
	}
	if len(line) > most {
		line = append(slices.Clone(line[:most]), '…')
	}
	for i, r := range line {
		if r < ' ' || r == 0x7f {
			line[i] = ' '
		}
	}
	text := fmt.Sprintf("%7d | %s", p.Line, strings.TrimRight(string(line), " "))
	if p.Column < 1 {
		return text
	}
	return text + fmt.Sprintf("\n%7s | %s^", "", strings.Repeat(" ", column))
}

const stars = "********"

// hide replaces the value in its line, and moves the column of the caret with what follows it.
func (m mask) hide(line []rune, column int) ([]rune, int) {
	from := m.place.column - 1
	if from < 0 || from >= len(line) {
		return line, column
	}
	to := len(line)
	for _, quote := range []int{0, 1} {
		if rest := string(line[min(from+quote, len(line)):]); m.text != "" && strings.HasPrefix(rest, m.text) {
			to = from + 2*quote + len([]rune(m.text))
			break
		}
	}
	to = min(to, len(line))
	if column >= to {
		column += len(stars) - (to - from)
	} else if column > from {
		column = from
	}
	return slices.Concat(line[:from], []rune(stars), line[to:]), column
}
