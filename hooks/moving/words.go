package moving

import (
	"errors"
	"regexp"
	"strings"
)

// words splits a command as a POSIX shell would without expanding anything (Python's shlex.split, which pre-commit uses).
func words(text string) ([]string, error) {
	var all []string
	var b strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			if open {
				all = append(all, b.String())
				b.Reset()
			}
			open = false
		case quote == 0 && (c == '\'' || c == '"'):
			quote, open = c, true
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			i++
			if i == len(text) {
				return nil, errors.New("a backslash stands at the end")
			}
			if quote == '"' && text[i] != '"' && text[i] != '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
			open = true
		default:
			b.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if open {
		all = append(all, b.String())
	}
	return all, nil
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// shell writes words as a command for sh, each exactly as it is.
func shell(all []string) string {
	var out []string
	for i, w := range all {
		if plainWord.MatchString(w) && (i > 0 || !strings.Contains(w, "=")) {
			out = append(out, w)
			continue
		}
		quoted := "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		out = append(out, placeholder.ReplaceAllString(quoted, "{''$1}"))
	}
	return strings.Join(out, " ")
}

// placeholder is what a job's command would be given a value for; two quotes in its middle keep a word from being one.
var placeholder = regexp.MustCompile(`\{(files|message|[1-9])\}`)
