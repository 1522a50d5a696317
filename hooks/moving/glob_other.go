package moving

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"goodstate.dev/goodstate/hooks/plan"
)

// fromLooseGlob translates a glob whose * and ? go through folders, as in lefthook (gobwas/glob without separators). There case does not count, which
// is told beside the result.
func fromLooseGlob(text string) (paths, error) {
	if len(text) > maxPattern {
		return paths{}, fmt.Errorf("the glob has %d bytes, want at most %d", len(text), maxPattern)
	}
	p := &globParser{rest: []rune(text)}
	choices, err := p.sequence(0)
	if err != nil {
		return paths{}, err
	}
	return render(choices)
}

type globParser struct{ rest []rune }

func (p *globParser) next() rune {
	r := p.rest[0]
	p.rest = p.rest[1:]
	return r
}

// sequence reads to the end, or in braces to the comma or brace that ends a choice.
func (p *globParser) sequence(depth int) ([][]piece, error) {
	all := [][]piece{{}}
	for len(p.rest) > 0 {
		if depth > 0 && (p.rest[0] == ',' || p.rest[0] == '}') {
			return all, nil
		}
		var part [][]piece
		switch r := p.next(); r {
		case '*':
			part = [][]piece{{{kind: through}}}
		case '?':
			part = characters([]rune{0, unicode.MaxRune})
		case '{':
			var err error
			if part, err = p.braces(depth + 1); err != nil {
				return nil, err
			}
		case '[':
			return nil, errors.New("a class in brackets is not translated")
		case '\\':
			if len(p.rest) == 0 {
				return nil, errors.New("a backslash stands at the end")
			}
			r = p.next()
			part = characters([]rune{r, r})
		default:
			part = characters([]rune{r, r})
		}
		var err error
		if all, err = product(all, part); err != nil {
			return nil, err
		}
	}
	if depth > 0 {
		return nil, errors.New("a brace is not closed")
	}
	return all, nil
}

func (p *globParser) braces(depth int) ([][]piece, error) {
	if depth > 4 {
		return nil, errors.New("braces stand in each other too often")
	}
	var all [][]piece
	for {
		part, err := p.sequence(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		if len(all) > maxChoices {
			return nil, errTooMany
		}
		if p.next() == '}' {
			return all, nil
		}
	}
}

// fromStrictGlob takes over a glob that means nearly the same there and here, as in lint-staged (micromatch with matchBase) and doublestar.
func fromStrictGlob(text string) (paths, error) {
	for _, odd := range []string{"!(", "+(", "@(", "?(", "*(", "..", "[[", "\\"} {
		if strings.Contains(text, odd) {
			return paths{}, fmt.Errorf("%q in the glob has no equal", odd)
		}
	}
	if strings.HasPrefix(text, "!") || strings.HasPrefix(text, "/") {
		return paths{}, fmt.Errorf("a glob that begins with %q has no equal", text[:1])
	}
	depth := 0
	for _, r := range text {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth > 1 || depth < 0 {
			return paths{}, errors.New("braces within braces have no equal")
		}
	}
	if depth != 0 {
		return paths{}, errors.New("a brace is not closed")
	}
	glob := strings.ReplaceAll(strings.TrimPrefix(text, "./"), "[!", "[^")
	if strings.Contains(text, "/") && !strings.Contains(glob, "/") {
		glob = "/" + glob
	}
	if err := plan.CheckGlob(glob); err != nil {
		return paths{}, err
	}
	return paths{globs: []string{glob}}, nil
}
