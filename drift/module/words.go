package module

import (
	"errors"
	"strings"
)

// shellWords splits a command as Python's shlex.split does.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	started := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		case c == '\\':
			if i++; i >= len(line) {
				return nil, errors.New("No escaped character")
			}
			word.WriteByte(line[i])
			started = true
		case c == '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("No closing quotation")
			}
			word.WriteString(line[i+1 : i+1+end])
			i += end + 1
			started = true
		case c == '"':
			n, err := doubleQuoted(line[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += n
			started = true
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted reads up to the closing quote and returns how many bytes that took.
func doubleQuoted(rest string, word *strings.Builder) (int, error) {
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\' && i+1 < len(rest) && (rest[i+1] == '"' || rest[i+1] == '\\'):
			i++
			word.WriteByte(rest[i])
		default:
			word.WriteByte(c)
		}
	}
	return 0, errors.New("No closing quotation")
}

// quoteWord is Python's shlex.quote.
func quoteWord(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return plainName(r) == '_' && r != '_' && !strings.ContainsRune("@%+=:,/", r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'"
}

func quoteWords(list []string) string {
	quoted := make([]string, len(list))
	for i, word := range list {
		quoted[i] = quoteWord(word)
	}
	return strings.Join(quoted, " ")
}
