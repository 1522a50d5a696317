package pyre

import (
	"fmt"
	"strconv"
	"strings"
)

// translator writes a pattern of Python's as one of .NET's, which the library reads. Groups lose their names, because .NET would number named groups last.
type translator struct {
	src     []rune
	pos     int
	out     strings.Builder
	groups  int
	names   map[string]int
	flags   Flags
	verbose bool
	depth   int
}

func (t *translator) fail(format string, args ...any) error {
	return fmt.Errorf(format+" at position %d", append(args, t.pos)...)
}

func (t *translator) translate() (string, error) {
	for t.pos < len(t.src) {
		c := t.src[t.pos]
		var err error
		switch c {
		case '\\':
			err = t.escape(false)
		case '[':
			err = t.class()
		case '(':
			err = t.open()
		case ')':
			if t.depth--; t.depth < 0 {
				return "", t.fail("unbalanced parenthesis")
			}
			t.copy(1)
		case '{':
			t.brace()
		case '*', '+', '?':
			err = t.repeat()
		case '#':
			if t.verbose {
				for t.pos < len(t.src) && t.src[t.pos] != '\n' {
					t.pos++
				}
				continue
			}
			t.out.WriteString(`\#`)
			t.pos++
		default:
			t.copy(1)
		}
		if err != nil {
			return "", err
		}
	}
	if t.depth > 0 {
		return "", t.fail("missing ), unterminated subpattern")
	}
	return t.out.String(), nil
}

func (t *translator) copy(n int) {
	t.out.WriteString(string(t.src[t.pos : t.pos+n]))
	t.pos += n
}

func (t *translator) rest() string { return string(t.src[t.pos:]) }

// repeat copies a quantifier and what follows it; a possessive one needs a group around what it repeats, which is not known here.
func (t *translator) repeat() error {
	t.copy(1)
	if t.pos < len(t.src) {
		switch t.src[t.pos] {
		case '?':
			t.copy(1)
		case '+':
			return t.fail("possessive quantifiers are not supported")
		case '*':
			return t.fail("multiple repeat")
		}
	}
	return nil
}

// brace writes {n,m}; {,m} is {0,m}, and what is no quantifier is text.
func (t *translator) brace() {
	i := t.pos + 1
	low, high, comma := "", "", false
	for ; i < len(t.src) && t.src[i] >= '0' && t.src[i] <= '9'; i++ {
		low += string(t.src[i])
	}
	if i < len(t.src) && t.src[i] == ',' {
		comma = true
		for i++; i < len(t.src) && t.src[i] >= '0' && t.src[i] <= '9'; i++ {
			high += string(t.src[i])
		}
	}
	if i >= len(t.src) || t.src[i] != '}' || low == "" && !comma {
		t.out.WriteString(`\{`)
		t.pos++
		return
	}
	if low == "" {
		low = "0"
	}
	t.out.WriteString("{" + low)
	if comma {
		t.out.WriteString("," + high)
	}
	t.out.WriteString("}")
	t.pos = i + 1
	if t.pos < len(t.src) && t.src[t.pos] == '?' {
		t.copy(1)
	}
}

// open reads what begins with a parenthesis.
func (t *translator) open() error {
	rest := t.rest()
	if !strings.HasPrefix(rest, "(?") {
		t.groups++
		t.depth++
		t.copy(1)
		return nil
	}
	switch {
	case strings.HasPrefix(rest, "(?P<"):
		name, _, ok := strings.Cut(rest[4:], ">")
		if !ok {
			return t.fail("missing >, unterminated name")
		}
		if _, twice := t.names[name]; twice {
			return t.fail("redefinition of group name '%s'", name)
		}
		if !identifier(name) {
			return t.fail("bad character in group name '%s'", name)
		}
		t.groups++
		t.depth++
		t.names[name] = t.groups
		t.out.WriteByte('(')
		t.pos += len([]rune(name)) + 5
		return nil
	case strings.HasPrefix(rest, "(?P="):
		name, _, ok := strings.Cut(rest[4:], ")")
		n, known := t.names[name]
		if !ok || !known {
			return t.fail("unknown group name '%s'", name)
		}
		t.out.WriteString(`(?:\` + strconv.Itoa(n) + ")")
		t.pos += len([]rune(name)) + 5
		return nil
	case strings.HasPrefix(rest, "(?#"):
		for t.pos < len(t.src) && t.src[t.pos] != ')' {
			t.pos++
		}
		if t.pos == len(t.src) {
			return t.fail("missing ), unterminated comment")
		}
		t.pos++
		return nil
	case strings.HasPrefix(rest, "(?("):
		return t.conditional(rest)
	}
	for _, known := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"} {
		if strings.HasPrefix(rest, known) {
			t.depth++
			t.copy(len(known))
			return nil
		}
	}
	return t.inline(rest)
}

func (t *translator) conditional(rest string) error {
	name, _, ok := strings.Cut(rest[3:], ")")
	if !ok {
		return t.fail("missing ), unterminated name")
	}
	t.pos += len([]rune(name)) + 4
	if n, known := t.names[name]; known {
		name = strconv.Itoa(n)
	} else if _, err := strconv.Atoi(name); err != nil {
		return t.fail("unknown group name '%s'", name)
	}
	t.depth++
	t.out.WriteString("(?(" + name + ")")
	return nil
}

// inline reads flags: for the whole pattern at its beginning, or for a group.
func (t *translator) inline(rest string) error {
	end := strings.IndexAny(rest, ":)")
	if end < 0 {
		return t.fail("missing -, : or )")
	}
	kept := ""
	on := true
	for _, c := range rest[2:end] {
		switch c {
		case '-':
			on = false
			kept += "-"
		case 'i', 'm', 's', 'x':
			kept += string(c)
			if rest[end] == ')' && on {
				t.flags |= map[rune]Flags{'i': IgnoreCase, 'm': Multiline, 's': DotAll, 'x': Verbose}[c]
				t.verbose = t.verbose || c == 'x'
			}
		case 'a', 'u', 'L':
		default:
			return t.fail("unknown extension ?%c", c)
		}
	}
	kept = strings.TrimSuffix(kept, "-")
	if rest[end] == ')' {
		if t.pos != 0 {
			return t.fail("global flags not at the start of the expression")
		}
		t.pos += end + 1
		return nil
	}
	t.depth++
	t.out.WriteString("(?" + kept + ":")
	t.pos += end + 1
	return nil
}

func identifier(name string) bool {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') && c < 128 {
			return false
		}
	}
	return name != ""
}

// escape reads a backslash and what belongs to it.
func (t *translator) escape(inClass bool) error {
	if t.pos+1 >= len(t.src) {
		return t.fail("bad escape (end of pattern)")
	}
	c := t.src[t.pos+1]
	switch {
	case c == 'Z' && !inClass:
		t.out.WriteString(`\z`)
	case strings.ContainsRune("dDsSwWafnrtv", c), !inClass && strings.ContainsRune("AbB", c), inClass && c == 'b':
		t.copy(2)
		return nil
	case c == 'x' || c == 'u' || c == 'U':
		return t.hex(c)
	case c >= '0' && c <= '9':
		t.digits(inClass)
		return nil
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return t.fail("bad escape \\%c", c)
	case c < 128:
		t.copy(2)
		return nil
	default:
		t.out.WriteRune(c)
	}
	t.pos += 2
	return nil
}

func (t *translator) hex(c rune) error {
	n := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]
	if t.pos+2+n > len(t.src) {
		return t.fail("incomplete escape \\%c", c)
	}
	v, err := strconv.ParseUint(string(t.src[t.pos+2:t.pos+2+n]), 16, 32)
	if err != nil || v > 0x10ffff {
		return t.fail("incomplete escape \\%c", c)
	}
	t.literal(rune(v))
	t.pos += 2 + n
	return nil
}

// literal writes one character so that it stands for itself.
func (t *translator) literal(r rune) {
	if r < 128 && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
		fmt.Fprintf(&t.out, `\x%02x`, r)
		return
	}
	t.out.WriteRune(r)
}

// digits is a back reference, or a character by its octal number.
func (t *translator) digits(inClass bool) {
	end := t.pos + 1
	octal := true
	for end < len(t.src) && end < t.pos+4 && t.src[end] >= '0' && t.src[end] <= '9' {
		octal = octal && t.src[end] <= '7'
		end++
	}
	n := end - t.pos - 1
	if inClass || t.src[t.pos+1] == '0' || n == 3 && octal {
		for end > t.pos+2 && !octalDigits(t.src[t.pos+1:end]) {
			end--
		}
		v, _ := strconv.ParseUint(string(t.src[t.pos+1:end]), 8, 16)
		t.literal(rune(v))
		t.pos = end
		return
	}
	end = min(end, t.pos+3)
	t.out.WriteString(`(?:\` + string(t.src[t.pos+1:end]) + ")")
	t.pos = end
}

func octalDigits(rs []rune) bool {
	for _, r := range rs {
		if r < '0' || r > '7' {
			return false
		}
	}
	return true
}

// class reads [...]; a bracket in it is text, not .NET's subtraction. \W, \D and \S beside other things in it are taken out, because the library gets
// them wrong: [^\W\d] becomes (?:(?!\W)[^\d]).
func (t *translator) class() error {
	start := t.pos
	before := t.out.String()
	t.out.Reset()
	t.pos++
	negated := t.pos < len(t.src) && t.src[t.pos] == '^'
	if negated {
		t.pos++
	}
	var apart []string
	for first := true; t.pos < len(t.src); first = false {
		switch c := t.src[t.pos]; {
		case c == ']' && !first:
			t.pos++
			body := t.out.String()
			t.out.Reset()
			t.out.WriteString(before + classOf(body, apart, negated))
			return nil
		case c == ']' || c == '[':
			t.out.WriteString(`\` + string(c))
			t.pos++
		case c == '\\' && t.pos+1 < len(t.src) && strings.ContainsRune("WDS", t.src[t.pos+1]):
			apart = append(apart, string(t.src[t.pos:t.pos+2]))
			t.pos += 2
		case c == '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		default:
			t.copy(1)
		}
	}
	t.pos = start
	return t.fail("unterminated character set")
}

func classOf(body string, apart []string, negated bool) string {
	sign := "["
	if negated {
		sign = "[^"
	}
	switch {
	case len(apart) == 0:
		return sign + body + "]"
	case body == "" && len(apart) == 1:
		return sign + apart[0] + "]"
	}
	if negated {
		if body == "" {
			return "(?:(?!" + strings.Join(apart, "|") + `)[\s\S])`
		}
		return "(?:(?!" + strings.Join(apart, "|") + ")[^" + body + "])"
	}
	if body == "" {
		return "(?:" + strings.Join(apart, "|") + ")"
	}
	return "(?:[" + body + "]|" + strings.Join(apart, "|") + ")"
}
