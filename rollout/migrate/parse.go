package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/config"
)

// marks a person may set with `-- goodstate: ...`, above a statement or at the head of the file.
var knownMarks = []string{"expand", "contract", "irreversible", "now"}

// parseFile splits a migration into its statements. Format: https://pressly.github.io/goose/documentation/annotations/
func parseFile(driver, name, src string) (file, error) {
	all, err := tokens(driver, src)
	if err != nil {
		return file{}, fmt.Errorf("%s: %w", name, err)
	}
	p := &parser{src: src, out: file{name: name}}
	for _, t := range all {
		if t.kind == comment {
			err = p.comment(t)
		} else {
			err = p.token(t)
		}
		if err != nil {
			return file{}, fmt.Errorf("%s:%d: %w", name, t.line, err)
		}
	}
	if p.side == nil {
		return file{}, fmt.Errorf("%s:1: no line says -- +goose Up; a migration begins with one", name)
	}
	if err := p.open(); err != nil {
		return file{}, fmt.Errorf("%s:%d: %w", name, strings.Count(src, "\n")+1, err)
	}
	return p.out, nil
}

type parser struct {
	src   string
	out   file
	side  *[]statement
	whole bool // between StatementBegin and StatementEnd
	toks  []token
	marks []string
}

func (p *parser) comment(t token) error {
	body, isLine := strings.CutPrefix(t.text, "--")
	body = strings.TrimSpace(body)
	if said, ok := strings.CutPrefix(body, "+goose"); isLine && ok {
		return p.annotation(strings.ToLower(strings.Join(strings.Fields(said), " ")))
	}
	said, ok := strings.CutPrefix(body, "goodstate:")
	if !isLine || !ok {
		return nil
	}
	for _, m := range strings.FieldsFunc(said, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\r' }) {
		if !slices.Contains(knownMarks, m) {
			near := ""
			if n := config.Nearest(m, knownMarks); n != "" {
				near = fmt.Sprintf(" (did you mean %s?)", n)
			}
			return fmt.Errorf("unknown word %q after goodstate:%s, want %s", m, near, strings.Join(knownMarks, ", "))
		}
		if p.side == nil {
			p.out.marks = append(p.out.marks, m)
		} else {
			p.marks = append(p.marks, m)
		}
	}
	return nil
}

func (p *parser) annotation(said string) error {
	switch said {
	case "up", "down":
		if err := p.open(); err != nil {
			return err
		}
		if said == "up" && p.side != nil || said == "down" && p.side != &p.out.up {
			return fmt.Errorf("-- +goose %s stands where it cannot, want one Up and after it at most one Down", said)
		}
		p.side = &p.out.up
		if said == "down" {
			p.side = &p.out.down
		}
		p.marks = nil
	case "statementbegin":
		if p.side == nil || p.whole {
			return errors.New("-- +goose StatementBegin stands where it cannot, want it after Up or Down and not inside another")
		}
		p.whole = true
	case "statementend":
		if !p.whole {
			return errors.New("-- +goose StatementEnd has no StatementBegin")
		}
		p.whole = false
		p.end()
	case "no transaction":
		p.out.plain = true
	default:
		return fmt.Errorf("-- +goose %s cannot be carried out here, want Up, Down, StatementBegin, StatementEnd or NO TRANSACTION; for others set migrations.command", said)
	}
	return nil
}

func (p *parser) token(t token) error {
	if p.side == nil {
		return errors.New("SQL stands before -- +goose Up; a migration begins with that line")
	}
	if t.sign(";") && !p.whole {
		p.end()
		return nil
	}
	p.toks = append(p.toks, t)
	return nil
}

func (p *parser) end() {
	if len(p.toks) == 0 {
		return
	}
	first, last := p.toks[0], p.toks[len(p.toks)-1]
	if last.sign(";") {
		p.toks = p.toks[:len(p.toks)-1]
	}
	s := statement{file: p.out.name, line: first.line, sql: p.src[first.at:last.end], tokens: p.toks, marks: p.marks}
	for i := range s.tokens { // offsets are from now on those inside the statement
		s.tokens[i].at -= first.at
		s.tokens[i].end -= first.at
	}
	*p.side = append(*p.side, s)
	p.toks, p.marks = nil, nil
}

// open says what has no end.
func (p *parser) open() error {
	if p.whole {
		return errors.New("-- +goose StatementBegin has no StatementEnd")
	}
	if len(p.toks) > 0 {
		return fmt.Errorf("the statement that begins in line %d has no ; at its end", p.toks[0].line)
	}
	return nil
}
