// Package pyre has regular expressions as Python's re module reads and applies them: look-around, back references, Python's escapes and replacement
// templates, positions in characters. A search that goes back and forth for too long ends with an error.
package pyre

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2"
)

// Flags are those of Python's re.
type Flags int

// The flags, with Python's numbers.
const (
	IgnoreCase Flags = 2
	Multiline  Flags = 8
	DotAll     Flags = 16
	Verbose    Flags = 64
)

// longest is how long one search may take.
const longest = 3 * time.Second

// Pattern is a compiled expression; it may be used by several goroutines.
type Pattern struct {
	Source string
	Groups int            // count of groups
	Names  map[string]int // of named groups
	free   *regexp2.Regexp
	begin  func() (*regexp2.Regexp, error)
	full   func() (*regexp2.Regexp, error)
}

var kept struct {
	sync.Mutex
	patterns map[keptKey]*Pattern
}

type keptKey struct {
	source string
	flags  Flags
}

// Compile reads a pattern. Compiled ones are kept.
func Compile(source string, flags Flags) (*Pattern, error) {
	key := keptKey{source, flags}
	kept.Lock()
	p, ok := kept.patterns[key]
	kept.Unlock()
	if ok {
		return p, nil
	}
	p, err := compile(source, flags)
	if err != nil {
		return nil, err
	}
	kept.Lock()
	defer kept.Unlock()
	if kept.patterns == nil || len(kept.patterns) > 2000 {
		kept.patterns = map[keptKey]*Pattern{}
	}
	kept.patterns[key] = p
	return p, nil
}

func compile(source string, flags Flags) (*Pattern, error) {
	if len(source) > 20_000 {
		return nil, fmt.Errorf("a pattern of %d bytes is too long", len(source))
	}
	t := &translator{src: []rune(source), names: map[string]int{}, verbose: flags&Verbose != 0}
	text, err := t.translate()
	if err != nil {
		return nil, err
	}
	flags |= t.flags
	var opt regexp2.RegexOptions
	if flags&IgnoreCase != 0 {
		opt |= regexp2.IgnoreCase
	}
	if flags&Multiline != 0 {
		opt |= regexp2.Multiline
	}
	if flags&DotAll != 0 {
		opt |= regexp2.Singleline
	}
	if flags&Verbose != 0 {
		opt |= regexp2.IgnorePatternWhitespace
		text += "\n"
	}
	build := func(before, after string) (*regexp2.Regexp, error) {
		re, err := regexp2.Compile(before+text+after, opt)
		if err != nil {
			return nil, fmt.Errorf("regular expression %q: %w", source, err)
		}
		re.MatchTimeout = longest
		return re, nil
	}
	free, err := build("", "")
	if err != nil {
		return nil, err
	}
	return &Pattern{
		Source: source, Groups: t.groups, Names: t.names, free: free,
		begin: sync.OnceValues(func() (*regexp2.Regexp, error) { return build(`\A(?:`, `)`) }),
		full:  sync.OnceValues(func() (*regexp2.Regexp, error) { return build(`\A(?:`, `)\z`) }),
	}, nil
}

// Match is where a pattern matched; positions are in characters.
type Match struct {
	Start, End int
	Groups     []Group // the whole match is 0
}

// Group is what a group matched; Start is -1 if it took no part.
type Group struct {
	Start, End int
	Text       string
}

func (p *Pattern) made(m *regexp2.Match) *Match {
	if m == nil {
		return nil
	}
	out := &Match{Start: m.Index, End: m.Index + m.Length, Groups: make([]Group, p.Groups+1)}
	for i := range out.Groups {
		g := m.GroupByNumber(i)
		if g == nil || len(g.Captures) == 0 {
			out.Groups[i] = Group{Start: -1, End: -1}
			continue
		}
		out.Groups[i] = Group{Start: g.Index, End: g.Index + g.Length, Text: g.String()}
	}
	return out
}

// Search finds the first match, nil if there is none.
func (p *Pattern) Search(text string) (*Match, error) {
	m, err := p.free.FindStringMatch(text)
	return p.made(m), p.slow(err)
}

// Match finds one at the beginning, nil if there is none.
func (p *Pattern) Match(text string) (*Match, error) {
	re, err := p.begin()
	if err != nil {
		return nil, err
	}
	m, err := re.FindStringMatch(text)
	return p.made(m), p.slow(err)
}

// FullMatch finds one that is all of the text, nil if there is none.
func (p *Pattern) FullMatch(text string) (*Match, error) {
	re, err := p.full()
	if err != nil {
		return nil, err
	}
	m, err := re.FindStringMatch(text)
	return p.made(m), p.slow(err)
}

func (p *Pattern) slow(err error) error {
	if err != nil {
		return fmt.Errorf("regular expression %q: the search takes more than %s: %w", p.Source, longest, err)
	}
	return nil
}

// All calls do with every match from left to right until it returns false.
func (p *Pattern) All(text string, do func(m *Match) bool) error {
	deadline := time.Now().Add(longest)
	m, err := p.free.FindStringMatch(text)
	for err == nil && m != nil {
		if !do(p.made(m)) {
			return nil
		}
		if time.Now().After(deadline) {
			return p.slow(errTimeout)
		}
		m, err = p.free.FindNextMatch(m)
	}
	return p.slow(err)
}

var errTimeout = fmt.Errorf("time limit")

// Sub replaces matches, at most count of them if it is not 0, and says how many there were. The replacement is Python's template.
func (p *Pattern) Sub(replacement, text string, count int) (string, int, error) {
	parts, err := p.template(replacement)
	if err != nil {
		return "", 0, err
	}
	return p.SubFunc(text, count, func(m *Match) string {
		if len(parts) == 1 && parts[0].group < 0 {
			return parts[0].text
		}
		var b strings.Builder
		for _, part := range parts {
			if part.group < 0 {
				b.WriteString(part.text)
			} else {
				b.WriteString(m.Groups[part.group].Text)
			}
		}
		return b.String()
	})
}

// SubFunc replaces matches with what a function makes of them.
func (p *Pattern) SubFunc(text string, count int, do func(m *Match) string) (string, int, error) {
	runes := []rune(text)
	var b strings.Builder
	last, n := 0, 0
	err := p.All(text, func(m *Match) bool {
		b.WriteString(string(runes[last:m.Start]))
		b.WriteString(do(m))
		last = m.End
		n++
		return count <= 0 || n < count
	})
	if err != nil {
		return "", 0, err
	}
	if n == 0 {
		return text, 0, nil
	}
	b.WriteString(string(runes[last:]))
	return b.String(), n, nil
}

// Split splits at matches, at most count times if it is not 0; what groups matched is in the result too.
func (p *Pattern) Split(text string, count int) ([]Group, error) {
	runes := []rune(text)
	var parts []Group
	last, n := 0, 0
	err := p.All(text, func(m *Match) bool {
		parts = append(parts, Group{Start: last, End: m.Start, Text: string(runes[last:m.Start])})
		parts = append(parts, m.Groups[1:]...)
		last = m.End
		n++
		return count <= 0 || n < count
	})
	return append(parts, Group{Start: last, End: len(runes), Text: string(runes[last:])}), err
}

// Group finds a group by its number or name, as \g<...> names it.
func (p *Pattern) Group(name string) (int, error) {
	if i, err := strconv.Atoi(name); err == nil {
		if i < 0 || i > p.Groups {
			return 0, fmt.Errorf("invalid group reference %d", i)
		}
		return i, nil
	}
	if i, ok := p.Names[name]; ok {
		return i, nil
	}
	return 0, fmt.Errorf("unknown group name '%s'", name)
}

type piece struct {
	text  string
	group int // -1 for text
}

// template reads a replacement.
func (p *Pattern) template(text string) ([]piece, error) {
	if strings.IndexByte(text, '\\') < 0 {
		return []piece{{text: text, group: -1}}, nil
	}
	var parts []piece
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			parts = append(parts, piece{b.String(), -1})
			b.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i >= len(text) {
			return nil, fmt.Errorf("bad escape (end of pattern) at position %d", i-1)
		}
		switch c := text[i]; {
		case c == 'g':
			end := strings.IndexByte(text[i:], '>')
			if i+1 >= len(text) || text[i+1] != '<' || end < 0 {
				return nil, fmt.Errorf("missing < or > in the replacement at position %d", i+1)
			}
			g, err := p.Group(text[i+2 : i+end])
			if err != nil {
				return nil, fmt.Errorf("%w at position %d", err, i+2)
			}
			flush()
			parts = append(parts, piece{group: g})
			i += end
		case c == '0':
			end := i + 1
			for end < len(text) && end < i+3 && text[end] >= '0' && text[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint(text[i:end], 8, 16)
			b.WriteRune(rune(n))
			i = end - 1
		case c >= '1' && c <= '9':
			end := i + 1
			if end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
			if end == i+2 && end < len(text) && c <= '3' && text[i+1] <= '7' && text[end] >= '0' && text[end] <= '7' {
				n, _ := strconv.ParseUint(text[i:end+1], 8, 16)
				b.WriteRune(rune(n))
				i = end
				continue
			}
			g, err := p.Group(text[i:end])
			if err != nil {
				return nil, fmt.Errorf("%w at position %d", err, i)
			}
			flush()
			parts = append(parts, piece{group: g})
			i = end - 1
		default:
			if s, ok := simple[c]; ok {
				b.WriteByte(s)
				continue
			}
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
				return nil, fmt.Errorf("bad escape \\%c at position %d", c, i-1)
			}
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	flush()
	return parts, nil
}

var simple = map[byte]byte{'\\': '\\', 'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// Escape makes a pattern that matches just this text, as re.escape writes it.
func Escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", text[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
