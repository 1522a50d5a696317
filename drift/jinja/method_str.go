package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// The methods of str.
func init() {
	m := family{}
	methods["str"] = m
	plain := func(name string, do func(s string) any) {
		m.add(name, "self", func(c *call) (any, error) {
			s, err := c.text(0)
			if err != nil {
				return nil, err
			}
			return do(s), c.r.pay(len(s))
		})
	}
	plain("upper", func(s string) any { return upper(s) })
	plain("lower", func(s string) any { return strings.ToLower(s) })
	plain("casefold", func(s string) any { return strings.ToLower(strings.ReplaceAll(s, "ß", "ss")) })
	plain("capitalize", func(s string) any { return capitalize(s) })
	plain("title", func(s string) any { return title(s) })
	plain("swapcase", func(s string) any {
		return strings.Map(func(r rune) rune {
			if unicode.IsUpper(r) {
				return unicode.ToLower(r)
			}
			return unicode.ToUpper(r)
		}, s)
	})
	all := func(ok func(r rune) bool) func(s string) any {
		return func(s string) any { return s != "" && strings.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0 }
	}
	plain("isdigit", all(unicode.IsDigit))
	plain("isdecimal", all(unicode.IsDigit))
	plain("isnumeric", all(unicode.IsNumber))
	plain("isalpha", all(unicode.IsLetter))
	plain("isalnum", all(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }))
	plain("isspace", all(unicode.IsSpace))
	plain("isprintable", func(s string) any { return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 })
	plain("isascii", func(s string) any { return ascii(s) })
	plain("isupper", func(s string) any { return upper(s) == s && strings.ToLower(s) != s })
	plain("islower", func(s string) any { return strings.ToLower(s) == s && upper(s) != s })
	plain("istitle", func(s string) any { return title(s) == s && strings.ToLower(s) != upper(s) })
	plain("isidentifier", func(s string) any { return identifier(s) })
	stripMethods(m)
	splitMethods(m)
	findMethods(m)
	padMethods(m)
	m.add("join", "self iterable", func(c *call) (any, error) {
		sep, err := c.text(0)
		if err != nil {
			return nil, err
		}
		items, err := c.items(1)
		if err != nil {
			return nil, err
		}
		parts := make([]string, len(items))
		for i, item := range items {
			if err := defined(item); err != nil {
				return nil, err
			}
			s, ok := py.Text(item)
			if !ok {
				return nil, typeErrorf("sequence item %d: expected str instance, %s found", i, py.TypeName(item))
			}
			parts[i] = s
			if err := c.r.wrote(len(s) + len(sep)); err != nil {
				return nil, err
			}
		}
		return strings.Join(parts, sep), nil
	})
	m.add("format", "self *args **named", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		if !strings.ContainsAny(s, "{}") {
			return c.args[0], nil // as Python: the text itself
		}
		return c.f.format(s, c.rest, c.named)
	})
	m.add("format_map", "self mapping", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		d, ok := c.args[1].(*py.Dict)
		if !ok {
			return nil, typeErrorf("'%s' object is not subscriptable", py.TypeName(c.args[1]))
		}
		return c.f.format(s, nil, d)
	})
	m.add("encode", "self encoding='utf-8' errors='strict'", func(c *call) (any, error) {
		s, err := c.text(0)
		return py.Bytes(s), err
	})
	b := family{}
	methods["bytes"] = b
	b.add("decode", "self encoding='utf-8' errors='strict'", func(c *call) (any, error) {
		data, _ := c.args[0].(py.Bytes)
		return string(data), nil
	})
	b.add("hex", "self", func(c *call) (any, error) {
		data, _ := c.args[0].(py.Bytes)
		const digits = "0123456789abcdef"
		text := make([]byte, 0, 2*len(data))
		for _, x := range data {
			text = append(text, digits[x>>4], digits[x&15])
		}
		return string(text), nil
	})
}

func upper(s string) string {
	if strings.Contains(s, "ß") {
		s = strings.ReplaceAll(s, "ß", "SS")
	}
	return strings.ToUpper(s)
}

func capitalize(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[size:])
}

// title makes the first letter of each run of letters a large one.
func title(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		was := inWord
		inWord = unicode.IsLetter(r)
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToTitle(r)
	}, s)
}

func identifier(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

// pySpace is what str.isspace and str.strip take for white space.
func pySpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func stripMethods(m family) {
	for name, do := range map[string]func(s string, gone func(rune) bool) string{
		"strip": strings.TrimFunc, "lstrip": strings.TrimLeftFunc, "rstrip": strings.TrimRightFunc,
	} {
		m.add(name, "self chars=None", func(c *call) (any, error) {
			s, err := c.text(0)
			if err != nil {
				return nil, err
			}
			gone := pySpace
			if c.args[1] != nil {
				chars, err := c.text(1)
				if err != nil {
					return nil, err
				}
				gone = func(r rune) bool { return strings.ContainsRune(chars, r) }
			}
			return do(s, gone), nil
		})
	}
	two := func(name string, do func(s, part string) any) {
		m.add(name, "self part", func(c *call) (any, error) {
			s, err := c.text(0)
			if err != nil {
				return nil, err
			}
			part, err := c.text(1)
			return do(s, part), err
		})
	}
	two("removeprefix", func(s, part string) any { return strings.TrimPrefix(s, part) })
	two("removesuffix", func(s, part string) any { return strings.TrimSuffix(s, part) })
	for name, do := range map[string]func(s, part string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix} {
		m.add(name, "self part start=None end=None", func(c *call) (any, error) {
			s, _, err := c.piece(2)
			if err != nil {
				return nil, err
			}
			parts, ok := c.args[1].(py.Tuple)
			if !ok {
				if _, text := py.Text(c.args[1]); !text {
					if err := defined(c.args[1]); err != nil {
						return nil, err
					}
					return nil, typeErrorf("%s first arg must be str or a tuple of str, not %s", name, py.TypeName(c.args[1]))
				}
				parts = py.Tuple{c.args[1]}
			}
			for _, p := range parts {
				part, ok := py.Text(p)
				if !ok {
					return nil, typeErrorf("tuple for %s must only contain str, not %s", name, py.TypeName(p))
				}
				if do(s, part) {
					return true, nil
				}
			}
			return false, nil
		})
	}
}

// piece is self between the start and end that stand at arguments i and i+1, and where it starts, in characters.
func (c *call) piece(i int) (string, int, error) {
	s, err := c.text(0)
	if err != nil || c.args[i] == nil && c.args[i+1] == nil {
		return s, 0, err
	}
	n, set := [3]int{0, 0, 1}, [3]bool{}
	for j := range 2 {
		if c.args[i+j] != nil {
			if n[j], err = c.int(i + j); err != nil {
				return "", 0, err
			}
			set[j] = true
		}
	}
	runes := []rune(s)
	from, _, _ := bounds(len(runes), n, set)
	return string(pick(runes, n, set)), from, nil
}

func splitMethods(m family) {
	m.add("split", "self sep=None maxsplit=-1", func(c *call) (any, error) { return c.split(false) })
	m.add("rsplit", "self sep=None maxsplit=-1", func(c *call) (any, error) { return c.split(true) })
	m.add("splitlines", "self keepends=False", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		keep, err := c.bool(1)
		if err != nil {
			return nil, err
		}
		return c.list(texts(splitLines(s, keep)))
	})
	for name, find := range map[string]func(s, sep string) int{"partition": strings.Index, "rpartition": strings.LastIndex} {
		m.add(name, "self sep", func(c *call) (any, error) {
			s, err := c.text(0)
			if err != nil {
				return nil, err
			}
			sep, err := c.text(1)
			if err != nil {
				return nil, err
			}
			if sep == "" {
				return nil, valueErrorf("empty separator")
			}
			i := find(s, sep)
			switch {
			case i >= 0:
				return py.Tuple{s[:i], sep, s[i+len(sep):]}, nil
			case name == "rpartition":
				return py.Tuple{"", "", s}, nil
			}
			return py.Tuple{s, "", ""}, nil
		})
	}
}

func texts(parts []string) []any {
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return items
}

func (c *call) split(right bool) (any, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	most, err := c.int(2)
	if err != nil {
		return nil, err
	}
	if err := c.r.wrote(len(s)); err != nil {
		return nil, err
	}
	if c.args[1] == nil {
		return c.list(texts(fields(s, most, right)))
	}
	sep, err := c.text(1)
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, valueErrorf("empty separator")
	}
	if most < 0 {
		return c.list(texts(strings.Split(s, sep)))
	}
	if !right {
		return c.list(texts(strings.SplitN(s, sep, most+1)))
	}
	parts := strings.Split(s, sep)
	if n := len(parts) - most; n > 1 {
		parts = append([]string{strings.Join(parts[:n], sep)}, parts[n:]...)
	}
	return c.list(texts(parts))
}

// fields splits at white space, at most so many times.
func fields(s string, most int, right bool) []string {
	words := strings.FieldsFunc(s, pySpace)
	if most < 0 || len(words) <= most+1 {
		return words
	}
	if right {
		rest := s
		for range most {
			rest = strings.TrimRightFunc(rest, pySpace)
			rest = strings.TrimRightFunc(rest, func(r rune) bool { return !pySpace(r) })
		}
		rest = strings.TrimRightFunc(rest, pySpace)
		return append([]string{rest}, words[len(words)-most:]...)
	}
	rest := strings.TrimLeftFunc(s, pySpace)
	for range most {
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return !pySpace(r) })
		rest = strings.TrimLeftFunc(rest, pySpace)
	}
	return append(append([]string{}, words[:most]...), rest)
}

// splitLines splits where Python's splitlines does.
func splitLines(s string, keep bool) []string {
	lines := []string{}
	start := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch r {
		case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
			end := i + size
			if r == '\r' && end < len(s) && s[end] == '\n' {
				end++
			}
			if keep {
				lines = append(lines, s[start:end])
			} else {
				lines = append(lines, s[start:i])
			}
			start, i = end, end
		default:
			i += size
		}
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

func findMethods(m family) {
	for _, name := range []string{"find", "rfind", "index", "rindex"} {
		m.add(name, "self sub start=None end=None", func(c *call) (any, error) {
			s, from, err := c.piece(2)
			if err != nil {
				return nil, err
			}
			sub, err := c.text(1)
			if err != nil {
				return nil, err
			}
			i := strings.Index(s, sub)
			if name[0] == 'r' {
				i = strings.LastIndex(s, sub)
			}
			if i < 0 {
				if strings.HasSuffix(name, "index") {
					return nil, valueErrorf("substring not found")
				}
				return int64(-1), nil
			}
			return int64(from + utf8.RuneCountInString(s[:i])), nil
		})
	}
	m.add("count", "self sub start=None end=None", func(c *call) (any, error) {
		s, _, err := c.piece(2)
		if err != nil {
			return nil, err
		}
		sub, err := c.text(1)
		return int64(strings.Count(s, sub)), err
	})
	m.add("replace", "self old new count=-1", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		from, err := c.text(1)
		if err != nil {
			return nil, err
		}
		to, err := c.text(2)
		if err != nil {
			return nil, err
		}
		n, err := c.int(3)
		if err != nil {
			return nil, err
		}
		if err := c.r.wrote(len(s) + strings.Count(s, from)*len(to)); err != nil {
			return nil, err
		}
		return strings.Replace(s, from, to, n), nil
	})
	m.add("expandtabs", "self tabsize=8", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		size, err := c.int(1)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		column := 0
		for _, r := range s {
			switch r {
			case '\t':
				n := 0
				if size > 0 {
					n = size - column%size
				}
				if err := c.r.wrote(n); err != nil {
					return nil, err
				}
				b.WriteString(strings.Repeat(" ", n))
				column += n
			case '\n', '\r':
				b.WriteRune(r)
				column = 0
			default:
				b.WriteRune(r)
				column++
			}
		}
		return b.String(), nil
	})
}

func padMethods(m family) {
	pad := func(name string, do func(missing int, width int) (left int)) {
		m.add(name, `self width fillchar='\x20'`, func(c *call) (any, error) {
			s, err := c.text(0)
			if err != nil {
				return nil, err
			}
			width, err := c.int(1)
			if err != nil {
				return nil, err
			}
			fill, err := c.text(2)
			if err != nil {
				return nil, err
			}
			if utf8.RuneCountInString(fill) != 1 {
				return nil, typeErrorf("The fill character must be exactly one character long")
			}
			missing := width - utf8.RuneCountInString(s)
			if missing <= 0 {
				return s, nil
			}
			if err := c.r.wrote(missing * len(fill)); err != nil {
				return nil, err
			}
			left := do(missing, width)
			return strings.Repeat(fill, left) + s + strings.Repeat(fill, missing-left), nil
		})
	}
	pad("ljust", func(int, int) int { return 0 })
	pad("rjust", func(missing, _ int) int { return missing })
	pad("center", func(missing, width int) int { return missing/2 + missing&width&1 })
	m.add("zfill", "self width", func(c *call) (any, error) {
		s, err := c.text(0)
		if err != nil {
			return nil, err
		}
		width, err := c.int(1)
		if err != nil {
			return nil, err
		}
		missing := width - utf8.RuneCountInString(s)
		if missing <= 0 {
			return s, nil
		}
		if err := c.r.wrote(missing); err != nil {
			return nil, err
		}
		sign := ""
		if s != "" && (s[0] == '-' || s[0] == '+') {
			sign, s = s[:1], s[1:]
		}
		return sign + strings.Repeat("0", missing) + s, nil
	})
}
