package rule

import (
	"bytes"
	"fmt"
)

// What the YAML parser, which calls itself, is given: for every bracket and dash, but also for every key of one mapping there is one more call. A
// stack that is full cannot be caught, and the time goes with the square of the keys.
const (
	yamlDeepest = 1000
	yamlWidest  = 10000
)

// tooMuch returns the line at which brackets or dashes nest deeper, or a mapping has more keys, than what was written by hand; 0 when nothing does.
func tooMuch(text []byte) (at int, why string) {
	brackets := 0
	var open []level
	lines(text, func(number, _ int, line []byte) {
		if at > 0 {
			return
		}
		dashes := 0
		for i, c := range line {
			switch {
			case c == '[' || c == '{':
				brackets++
			case c == ']' || c == '}':
				brackets = max(brackets-1, 0)
			case (c == '-' || c == '?') && i+1 < len(line) && line[i+1] == ' ':
				dashes++
			}
		}
		if brackets > yamlDeepest || dashes > yamlDeepest {
			at, why = number, fmt.Sprintf("nested more than %d deep", yamlDeepest)
			return
		}
		if open = under(open, line); len(open) > 0 && open[len(open)-1].keys > yamlWidest {
			at, why = number, fmt.Sprintf("more than %d keys are in one mapping", yamlWidest)
		}
	})
	return at, why
}

// level is how many keys there were so far at one indentation.
type level struct{ indent, keys int }

// under is the levels after one more line: deeper ones have ended, and its own has one key more. Lines without a colon have no key.
func under(open []level, line []byte) []level {
	words := bytes.TrimLeft(line, " ")
	if bytes.IndexByte(words, ':') < 0 {
		return open
	}
	indent := len(line) - len(words)
	for len(open) > 0 && open[len(open)-1].indent > indent {
		open = open[:len(open)-1]
	}
	if len(open) == 0 || open[len(open)-1].indent < indent {
		open = append(open, level{indent: indent})
	}
	if words[0] != '-' { // an element of a sequence begins a mapping of its own
		open[len(open)-1].keys++
	}
	return open
}
