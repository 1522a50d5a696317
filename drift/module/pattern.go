package module

import (
	"regexp"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/pyre"
)

// pattern is a regular expression as Python reads it. The standard library's engine takes most; what looks around or back is left to the one that can.
type pattern struct {
	re   *regexp.Regexp
	back *pyre.Pattern
}

// compile reads a pattern; flags are m, s or none.
func compile(text, flags string) (*pattern, error) {
	source := translate(text, !strings.Contains(flags, "m") && !strings.HasPrefix(text, "(?m"))
	if flags != "" {
		source = "(?" + flags + ")" + source
	}
	re, err := regexp.Compile(source)
	if err == nil {
		return &pattern{re: re}, nil
	}
	var mode pyre.Flags
	if strings.Contains(flags, "m") {
		mode |= pyre.Multiline
	}
	if strings.Contains(flags, "s") {
		mode |= pyre.DotAll
	}
	back, err := pyre.Compile(text, mode)
	if err != nil {
		return nil, fail(err.Error())
	}
	return &pattern{back: back}, nil
}

// translate rewrites what Python spells differently.
// A $ that means only the end also stands before a last newline.
func translate(text string, end bool) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == 'Z' && !class {
				b.WriteString(`\z`)
				continue
			}
			b.WriteByte('\\')
			b.WriteByte(text[i])
		case c == '$' && end && !class:
			b.WriteString(`(?:\n?\z)`)
		case c == '[' && !class:
			class = true
			b.WriteByte(c)
			if strings.HasPrefix(text[i+1:], "^") {
				b.WriteByte('^')
				i++
			}
			if strings.HasPrefix(text[i+1:], "]") {
				b.WriteString(`\]`)
				i++
			}
		case c == '[' && class:
			b.WriteString(`\[`)
		case c == ']' && class:
			class = false
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// find returns the places of the first match and its groups in bytes; nil when there is none.
func (p *pattern) find(text string) []int {
	if p.back == nil {
		return p.re.FindStringSubmatchIndex(text)
	}
	m, err := p.back.Search(text)
	if err != nil || m == nil { // a search that goes on for too long has found nothing
		return nil
	}
	return places(text, m)
}

func (p *pattern) findAll(text string) [][]int {
	if p.back == nil {
		return p.re.FindAllStringSubmatchIndex(text, -1)
	}
	var all [][]int
	_ = p.back.All(text, func(m *pyre.Match) bool { // what was found within the limit is replaced
		all = append(all, places(text, m))
		return true
	})
	return all
}

// places makes bytes of characters.
func places(text string, m *pyre.Match) []int {
	at := make([]int, 0, len(text)+1)
	for i := range text {
		at = append(at, i)
	}
	at = append(at, len(text))
	loc := make([]int, 0, 2*len(m.Groups))
	for _, g := range m.Groups {
		if g.Start < 0 {
			loc = append(loc, -1, -1)
			continue
		}
		loc = append(loc, at[g.Start], at[g.End])
	}
	return loc
}

func (p *pattern) matches(text string) bool {
	if p.back == nil {
		return p.re.MatchString(text)
	}
	return p.find(text) != nil
}

// index is the number of a named group; -1 when there is none.
func (p *pattern) index(name string) int {
	if p.back == nil {
		return p.re.SubexpIndex(name)
	}
	if i, ok := p.back.Names[name]; ok {
		return i
	}
	return -1
}

// group is the place of a named group in a match.
func (p *pattern) group(loc []int, name string) (start, end int) {
	i := p.index(name)
	return loc[2*i], loc[2*i+1]
}

// replaceAll puts the template in the place of every match and counts them.
func (p *pattern) replaceAll(text, template string) (string, int, error) {
	var b strings.Builder
	last, n := 0, 0
	for _, loc := range p.findAll(text) {
		filled, err := p.expand(template, text, loc)
		if err != nil {
			return "", 0, err
		}
		b.WriteString(text[last:loc[0]])
		b.WriteString(filled)
		last = loc[1]
		n++
	}
	b.WriteString(text[last:])
	return b.String(), n, nil
}

// expand fills a template with \1, \g<1> and \g<name>.
func (p *pattern) expand(template, text string, loc []int) (string, error) {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '\\' || i+1 == len(template) {
			b.WriteByte(template[i])
			continue
		}
		i++
		c := template[i]
		switch {
		case c >= '1' && c <= '9':
			end := i + 1
			if end < len(template) && template[end] >= '0' && template[end] <= '9' {
				end++
			}
			if err := p.writeGroup(&b, template[i:end], text, loc); err != nil {
				return "", err
			}
			i = end - 1
		case c == 'g' && strings.HasPrefix(template[i+1:], "<"):
			end := strings.IndexByte(template[i:], '>')
			if end < 0 {
				return "", fail("missing >, unterminated name in " + template)
			}
			if err := p.writeGroup(&b, template[i+2:i+end], text, loc); err != nil {
				return "", err
			}
			i += end
		default:
			b.WriteString(escaped(c))
		}
	}
	return b.String(), nil
}

func escaped(c byte) string {
	if r, ok := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'f': "\f", 'v': "\v", '\\': `\`, '0': "\x00"}[c]; ok {
		return r
	}
	return `\` + string(c)
}

func (p *pattern) writeGroup(b *strings.Builder, name, text string, loc []int) error {
	n, err := strconv.Atoi(name)
	if err != nil {
		n = p.index(name)
	}
	if n < 0 || 2*n+1 >= len(loc) {
		return fail("invalid group reference " + name)
	}
	if loc[2*n] >= 0 {
		b.WriteString(text[loc[2*n]:loc[2*n+1]])
	}
	return nil
}

// names are those of the groups, by number; empty for the ones that have none.
func (p *pattern) names() []string {
	if p.back == nil {
		return p.re.SubexpNames()
	}
	list := make([]string, p.back.Groups+1)
	for name, i := range p.back.Names {
		list[i] = name
	}
	return list
}
