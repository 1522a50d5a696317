package remote

import (
	"fmt"
	"strings"
)

// split cuts a configuration line into words: quotes keep spaces, a backslash keeps a quote or a space, and # ends the line.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && i+1 < len(line) && strings.IndexByte(`"'\ `, line[i+1]) >= 0 && (line[i+1] != ' ' || quote == 0):
			i++
			word.WriteByte(line[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		case c == '#' && !in:
			return words, nil
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed in %q", line)
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// keyword cuts the first word off: it ends at a space or at one equals sign.
func keyword(line string) (key, rest string) {
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return strings.ToLower(line), ""
	}
	key, rest = line[:end], strings.TrimLeft(line[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	return strings.ToLower(key), rest
}

// expand puts values for %h and its like, and %% for a percent sign.
func expand(text string, tokens map[byte]string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", fmt.Errorf("a lone %% at the end of %q; write %%%%", text)
		}
		value, ok := tokens[text[i]]
		if !ok {
			return "", fmt.Errorf("%q has %%%c, which nothing is known for", text, text[i])
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

// wild says whether a name matches a pattern with * and ?.
func wild(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matches says whether a name matches a list of patterns: one must match, and no negated one.
func matches(patterns []string, name string) bool {
	hit := false
	for _, p := range patterns {
		if negated, ok := strings.CutPrefix(p, "!"); ok {
			if wild(negated, name) {
				return false
			}
			continue
		}
		hit = hit || wild(p, name)
	}
	return hit
}

// Words cuts arguments of ssh, as an inventory says them on one line, into words.
func Words(line string) ([]string, error) { return split(line) }
