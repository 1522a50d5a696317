package rule

import "bytes"

// dialect is how a language writes comments and strings.
type dialect struct {
	line   []string // what begins a comment to the end of the line
	quotes string   // quotes of strings that end on their line and know the backslash
	raw    string   // quotes of strings over several lines
	block  bool     // /* */
	slash  bool     // backslashes mean something in the strings over several lines
}

var dialects = map[string]dialect{
	"javascript": {line: []string{"//"}, quotes: `"'`, raw: "`", block: true, slash: true},
	"go":         {line: []string{"//"}, quotes: `"'`, raw: "`", block: true},
	"ruby":       {line: []string{"#"}, raw: `"'`, slash: true},
	"php":        {line: []string{"//", "#"}, raw: `"'`, block: true, slash: true},
}

// masked is source with blanks in place of comments and of what is in strings. Every byte keeps its offset, and newlines stay.
func masked(text []byte, d dialect) []byte {
	code := bytes.Clone(text)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if code[i] != '\n' {
				code[i] = ' '
			}
		}
	}
	for i := 0; i < len(text); {
		end := d.comment(text, i)
		if end < 0 {
			end = d.quoted(text, i)
		}
		if end < 0 {
			i++
			continue
		}
		blank(i, end)
		i = end
	}
	return code
}

// comment returns the end of a comment that begins here, or -1.
func (d dialect) comment(text []byte, i int) int {
	for _, begin := range d.line {
		if bytes.HasPrefix(text[i:], []byte(begin)) {
			if end := bytes.IndexByte(text[i:], '\n'); end >= 0 {
				return i + end
			}
			return len(text)
		}
	}
	if d.block && bytes.HasPrefix(text[i:], []byte("/*")) {
		if end := bytes.Index(text[i+2:], []byte("*/")); end >= 0 {
			return i + 2 + end + 2
		}
		return len(text)
	}
	return -1
}

// quoted returns the end of a string that begins here, or -1. One without an end is none: it is an apostrophe in an expression or in a text.
func (d dialect) quoted(text []byte, i int) int {
	long := bytes.IndexByte([]byte(d.raw), text[i]) >= 0
	if !long && bytes.IndexByte([]byte(d.quotes), text[i]) < 0 {
		return -1
	}
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == text[i]:
			return j + 1
		case text[j] == '\\' && (!long || d.slash):
			j++
		case text[j] == '\n' && !long:
			return -1
		}
	}
	return -1
}
