package inventory

import (
	"errors"
	"strings"
)

// words splits a line as a POSIX shell does, without expansion, up to a comment.
func words(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	inside := false
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			if inside {
				out = append(out, word.String())
				word.Reset()
				inside = false
			}
		case quote == 0 && c == '#':
			// As Python's shlex with comments: the rest of the line is left out, also behind a word.
			if inside {
				out = append(out, word.String())
			}
			return out, nil
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			if i+1 == len(line) {
				return nil, errors.New("No escaped character")
			}
			i++
			if quote == '"' && line[i] != '"' && line[i] != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(line[i])
			inside = true
		default:
			word.WriteByte(c)
			inside = true
		}
	}
	if quote != 0 {
		return nil, errors.New("No closing quotation")
	}
	if inside {
		out = append(out, word.String())
	}
	return out, nil
}
