package jinja

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

// Filters over text.
func init() {
	simple := func(names string, do func(s string) any) {
		filters.add(names, "s", func(c *call) (any, error) {
			s, err := c.str(0)
			if err != nil {
				return nil, err
			}
			return do(s), nil
		})
	}
	simple("upper", func(s string) any { return upper(s) })
	simple("lower", func(s string) any { return strings.ToLower(s) })
	simple("capitalize", func(s string) any { return capitalize(s) })
	simple("title", filterTitle)
	simple("e|escape|forceescape", func(s string) any { return htmlEscapes.Replace(s) })
	simple("wordcount", func(s string) any {
		return int64(len(strings.FieldsFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) })))
	})
	simple("striptags", func(s string) any {
		s = tags.ReplaceAllString(s, "")
		return html.UnescapeString(strings.Join(strings.Fields(s), " "))
	})
	filters.add("trim", "value chars=None", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil || c.args[1] == nil {
			return strings.TrimFunc(s, pySpace), err
		}
		chars, err := c.text(1)
		return strings.TrimFunc(s, func(r rune) bool { return strings.ContainsRune(chars, r) }), err
	})
	filters.add("replace", "s old new count=None", func(c *call) (any, error) {
		var parts [3]string
		for i := range parts {
			var err error
			if parts[i], err = c.str(i); err != nil {
				return nil, err
			}
		}
		n := -1
		if c.args[3] != nil {
			var err error
			if n, err = c.int(3); err != nil {
				return nil, err
			}
		}
		return strings.Replace(parts[0], parts[1], parts[2], n), c.r.wrote(len(parts[0]) + strings.Count(parts[0], parts[1])*len(parts[2]))
	})
	filters.add("center", "value width=80", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil {
			return nil, err
		}
		return methods["str"]["center"].run(c.f, "center", s, []any{c.args[1]}, nil)
	})
	filters.add("indent", "s width=4 first=False blank=False", filterIndent)
	filters.add("truncate", "s length=255 killwords=False end='...' leeway=None", filterTruncate)
	filters.add("wordwrap", "s width=79 break_long_words=True wrapstring=None break_on_hyphens=True", filterWrap)
	filters.add("format", "value *args **named", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil {
			return nil, err
		}
		if c.named != nil && c.named.Len() > 0 {
			if len(c.rest) > 0 {
				return nil, valueErrorf("can't handle positional and keyword arguments at the same time")
			}
			return c.r.percent(s, c.named)
		}
		return c.r.percent(s, py.Tuple(c.rest))
	})
	filters.add("urlencode", "value", filterURLEncode)
	simple("urldecode", func(s string) any {
		d, err := url.QueryUnescape(s)
		if err != nil {
			return unquote(s)
		}
		return d
	})
	filters.add("xmlattr", "d autospace=True", func(c *call) (any, error) {
		d, ok := c.args[0].(*py.Dict)
		if !ok {
			return nil, typeErrorf("xmlattr requires a dictionary")
		}
		var b strings.Builder
		for k, v := range d.All() {
			if _, undefined := v.(py.Undefined); v == nil || undefined {
				continue
			}
			b.WriteString(" " + htmlEscapes.Replace(py.Str(k)) + `="` + htmlEscapes.Replace(py.Str(v)) + `"`)
		}
		auto, err := c.bool(1)
		if !auto {
			return strings.TrimPrefix(b.String(), " "), err
		}
		return b.String(), err
	})
	filters.add("quote", "a", func(c *call) (any, error) {
		if c.args[0] == nil {
			return "''", nil
		}
		s, err := c.str(0)
		return shellQuote(s), err
	})
	filters.add("comment", "text style='plain' **named", filterComment)
	filters.add("split", "s sep=None maxsplit=-1", func(c *call) (any, error) { return c.split(false) })
}

var (
	htmlEscapes = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;")
	tags        = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)
	words       = regexp.MustCompile(`[-\s({\[<]+|[^-\s({\[<]+`)
	unsafeShell = regexp.MustCompile(`[^\w@%+=:,./-]`)
)

// filterTitle makes the first letter of each word a large one, where words are as Jinja sees them.
func filterTitle(s string) any {
	var b strings.Builder
	for _, part := range words.FindAllString(s, -1) {
		r, size := utf8.DecodeRuneInString(part)
		b.WriteString(strings.ToUpper(string(r)) + strings.ToLower(part[size:]))
	}
	return b.String()
}

func shellQuote(s string) string {
	if s == "" {
		return "''"
	}
	if !unsafeShell.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

func filterIndent(c *call) (any, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	indent, ok := py.Text(c.args[1])
	if !ok {
		n, err := c.int(1)
		if err != nil {
			return nil, err
		}
		if err := c.r.wrote(max(n, 0)); err != nil {
			return nil, err
		}
		indent = strings.Repeat(" ", max(n, 0))
	}
	first, err := c.bool(2)
	if err != nil {
		return nil, err
	}
	blank, err := c.bool(3)
	if err != nil {
		return nil, err
	}
	lines := splitLines(s+"\n", false)
	if err := c.r.wrote(len(lines)*len(indent) + len(s)); err != nil {
		return nil, err
	}
	for i := range lines {
		if i > 0 && (blank || lines[i] != "") {
			lines[i] = indent + lines[i]
		}
	}
	text := strings.Join(lines, "\n")
	if first {
		text = indent + text
	}
	return text, nil
}

func filterTruncate(c *call) (any, error) {
	s, err := c.text(0)
	if err != nil {
		if n, failed := c.r.length(c.args[0]); failed == nil && n <= 255 {
			return c.args[0], nil // Jinja only looks at the length
		}
		return nil, err
	}
	length, err := c.int(1)
	if err != nil {
		return nil, err
	}
	kill, err := c.bool(2)
	if err != nil {
		return nil, err
	}
	end, err := c.str(3)
	if err != nil {
		return nil, err
	}
	leeway := 5
	if c.args[4] != nil {
		if leeway, err = c.int(4); err != nil {
			return nil, err
		}
	}
	runes, keep := []rune(s), length-utf8.RuneCountInString(end)
	if keep < 0 {
		return nil, valueErrorf("expected length >= %d, got %d", utf8.RuneCountInString(end), length)
	}
	if leeway < 0 {
		return nil, valueErrorf("expected leeway >= 0, got %d", leeway)
	}
	if len(runes) <= length+leeway {
		if _, text := py.Text(c.args[0]); text {
			return c.args[0], nil
		}
		return s, nil
	}
	cutText := string(runes[:keep])
	if !kill {
		if i := strings.LastIndexByte(cutText, ' '); i >= 0 {
			cutText = cutText[:i]
		}
	}
	return cutText + end, nil
}

func filterURLEncode(c *call) (any, error) {
	if _, ok := py.Text(c.args[0]); ok {
		s, err := c.text(0)
		return urlQuote(s, "/"), err
	}
	var pairs []any
	if d, ok := c.args[0].(*py.Dict); ok {
		pairs = (&view{"dict_items", d}).list()
	} else {
		items, err := c.r.items(c.args[0])
		if err != nil {
			s, err := c.str(0)
			return urlQuote(s, "/"), err
		}
		pairs = items
	}
	var parts []string
	for _, p := range pairs {
		kv, err := c.r.items(p)
		if err != nil {
			return nil, err
		}
		if len(kv) != 2 {
			return nil, valueErrorf("not enough values to unpack (expected 2, got %d)", len(kv))
		}
		for _, v := range kv {
			if err := defined(v); err != nil {
				return nil, err
			}
		}
		key, value := urlQuote(py.Str(kv[0]), ""), urlQuote(py.Str(kv[1]), "")
		parts = append(parts, strings.ReplaceAll(key, "%20", "+")+"="+strings.ReplaceAll(value, "%20", "+"))
	}
	return strings.Join(parts, "&"), nil
}

func urlQuote(s, safe string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		ch := s[i]
		if ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || strings.IndexByte("_.-~", ch) >= 0 || strings.IndexByte(safe, ch) >= 0 {
			b.WriteByte(ch)
			continue
		}
		b.WriteString("%" + string(hexDigits[ch>>4]) + string(hexDigits[ch&15]))
	}
	return b.String()
}

// unquote decodes percent signs where they are right and leaves the others.
func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' {
			b.WriteByte(' ')
			continue
		}
		if s[i] == '%' && i+2 < len(s) {
			if d, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(d)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// filterComment makes a comment of text, in a style or with signs of one's own.
func filterComment(c *call) (any, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	style, err := c.str(1)
	if err != nil {
		return nil, err
	}
	signs := map[string][3]string{ // beginning, decoration, end
		"plain": {"", "# ", ""}, "erlang": {"", "% ", ""}, "c": {"", "// ", ""}, "cblock": {"/*", " * ", " */"}, "xml": {"<!--", " - ", "-->"},
	}
	s, ok := signs[style]
	if !ok {
		return nil, &indexError{py.Repr(style)}
	}
	bare := strings.TrimRight(s[1], " ")
	opt := map[string]string{"beginning": s[0], "decoration": s[1], "end": s[2], "newline": "\n"}
	counts := map[string]int{"prefix_count": 1, "postfix_count": 1}
	if c.named != nil {
		if d, ok := c.named.Get("decoration"); ok {
			bare = strings.TrimRight(py.Str(d), " ")
		}
	}
	opt["prefix"], opt["postfix"] = bare, bare
	if c.named != nil {
		for k, v := range c.named.All() {
			name := py.Str(k)
			if _, is := counts[name]; is {
				n, ok := index(v)
				if !ok {
					return nil, typeErrorf("%s must be an int", name)
				}
				counts[name] = min(n, 10000)
				continue
			}
			opt[name] = py.Str(v)
		}
	}
	nl := opt["newline"]
	var b strings.Builder
	if opt["beginning"] != "" {
		b.WriteString(opt["beginning"] + nl)
	}
	if p := opt["prefix"]; p != "" {
		line := p + nl
		if p == nl {
			line = nl
		}
		b.WriteString(strings.Repeat(line, max(counts["prefix_count"], 0)))
	}
	deco := opt["decoration"]
	body := deco + strings.ReplaceAll(text, nl, nl+deco)
	b.WriteString(strings.ReplaceAll(body, deco+nl, strings.TrimRight(deco, " \t\n\r")+nl))
	b.WriteString(strings.Repeat(nl+opt["postfix"], max(counts["postfix_count"], 0)))
	if opt["end"] != "" {
		b.WriteString(nl + opt["end"])
	}
	return b.String(), c.r.wrote(b.Len())
}
