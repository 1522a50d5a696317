package moving

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// verbose marks Python's form of expressions with blanks and comments.
var verbose = regexp.MustCompile(`^\s*\(\?([a-z]*)\)`)

// unicodeClass are classes that mean more characters in Python than in RE2, and things of Python that RE2 reads otherwise.
var unicodeClass = regexp.MustCompile(`\\[wWsSbBdD]`)

// fromRegexp translates a regular expression of Python that is searched for in a path, as pre-commit does, into globs that choose exactly the same paths
// (those with newlines aside). What globs cannot say is an error.
func fromRegexp(text string) (paths, error) {
	if len(text) > maxPattern {
		return paths{}, fmt.Errorf("the pattern has %d bytes, want at most %d", len(text), maxPattern)
	}
	flags := syntax.Perl
	if m := verbose.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		for _, flag := range m[1] {
			switch flag {
			case 'x':
				text = withoutBlanks(text)
			case 'i':
				flags |= syntax.FoldCase
			case 'm', 's', 'u', 'a':
			default:
				return paths{}, fmt.Errorf("flag (?%c) has no equal", flag)
			}
		}
	}
	if strings.Contains(text, "[:") || strings.Contains(text, "{,") {
		return paths{}, errors.New("[: and {, mean other things in Python than here")
	}
	if odd := unicodeClass.FindString(text); odd != "" {
		return paths{}, fmt.Errorf("%s stands for characters of all languages, which a glob cannot say; write a class such as [a-z0-9]", odd)
	}
	tree, err := syntax.Parse(strings.ReplaceAll(text, `\Z`, `\z`), flags)
	if err != nil {
		var known *syntax.Error
		if errors.As(err, &known) {
			return paths{}, fmt.Errorf("%s: %q", known.Code, known.Expr)
		}
		return paths{}, err
	}
	choices, err := expand(tree)
	if err != nil {
		return paths{}, err
	}
	for i, c := range choices {
		choices[i] = slices.Concat([]piece{{kind: through}}, c, []piece{{kind: through}})
	}
	return render(choices)
}

// withoutBlanks takes out what (?x) makes meaningless.
func withoutBlanks(text string) string {
	var b strings.Builder
	class, comment := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case comment:
			comment = c != '\n'
		case c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			b.WriteByte(text[i])
		case class:
			class = c != ']'
			b.WriteByte(c)
		case c == '#':
			comment = true
		case strings.IndexByte(" \t\n\r\f\v", c) >= 0:
		default:
			class = c == '['
			b.WriteByte(c)
		}
	}
	return b.String()
}

// expand writes out the alternatives of an expression.
func expand(re *syntax.Regexp) ([][]piece, error) {
	single := func(p ...piece) ([][]piece, error) { return [][]piece{p}, nil }
	switch re.Op {
	case syntax.OpEmptyMatch:
		return single()
	case syntax.OpNoMatch:
		return nil, nil
	case syntax.OpBeginText, syntax.OpBeginLine:
		return single(piece{kind: begin})
	case syntax.OpEndText, syntax.OpEndLine:
		return single(piece{kind: end})
	case syntax.OpLiteral:
		all := [][]piece{{}}
		for _, r := range re.Rune {
			set := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					set = append(set, f, f)
				}
			}
			var err error
			if all, err = product(all, characters(set)); err != nil {
				return nil, err
			}
		}
		return all, nil
	case syntax.OpCharClass:
		return characters(re.Rune), nil
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return characters([]rune{0, unicode.MaxRune}), nil
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpAlternate:
		var all [][]piece
		for _, sub := range re.Sub {
			more, err := expand(sub)
			if err != nil {
				return nil, err
			}
			if all = append(all, more...); len(all) > maxChoices {
				return nil, errTooMany
			}
		}
		return all, nil
	case syntax.OpConcat:
		all := [][]piece{{}}
		for _, sub := range re.Sub {
			more, err := expand(sub)
			if err == nil {
				all, err = product(all, more)
			}
			if err != nil {
				return nil, err
			}
		}
		return all, nil
	case syntax.OpQuest:
		more, err := expand(re.Sub[0])
		return append([][]piece{{}}, more...), err
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return repeated(re)
	default:
		return nil, fmt.Errorf("%q has no equal in a glob", re.String())
	}
}

var errTooMany = fmt.Errorf("it has more than %d alternatives", maxChoices)

// repeated knows .*, [^/]* and what is repeated a fixed number of times.
func repeated(re *syntax.Regexp) ([][]piece, error) {
	sub := re.Sub[0]
	for sub.Op == syntax.OpCapture {
		sub = sub.Sub[0]
	}
	least, most := re.Min, re.Max
	switch re.Op {
	case syntax.OpStar:
		least, most = 0, -1
	case syntax.OpPlus:
		least, most = 1, -1
	default:
	}
	once, err := expand(sub)
	if err != nil {
		return nil, err
	}
	var tail [][]piece
	switch {
	case most >= 0:
		tail = [][]piece{{}}
		for range most - least {
			if tail, err = product(once, tail); err != nil {
				return nil, err
			}
			tail = append(tail, []piece{})
		}
	case sub.Op == syntax.OpAnyChar || sub.Op == syntax.OpAnyCharNotNL:
		tail = [][]piece{{{kind: through}}}
	case sub.Op == syntax.OpCharClass && slices.Equal(sub.Rune, []rune{0, '/' - 1, '/' + 1, unicode.MaxRune}):
		tail = [][]piece{{{kind: some}}}
	default:
		return nil, fmt.Errorf("%q has no equal in a glob", re.String())
	}
	for range least {
		if tail, err = product(once, tail); err != nil {
			return nil, err
		}
	}
	return tail, nil
}
