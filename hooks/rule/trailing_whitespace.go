package rule

import (
	"bytes"
	"slices"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "trailing-whitespace",
		Help:    "lines do not end in blanks",
		Example: "{markdown: [md, markdown]}",
		Args: []Arg{
			{Flags: []string{"--markdown-linebreak-ext"}, Option: "markdown", Takes: List},
			{Flags: []string{"--no-markdown-linebreak-ext"}},
			{Flags: []string{"--chars"}, Option: "chars", Takes: Word},
		},
		As: map[string]map[string]any{"trailing-whitespace": {"markdown": []any{}}},
		New: func(decode func(any) error) (any, error) {
			r := &trailingWhitespace{Markdown: []string{"md", "markdown"}, Chars: " \t\n\v\f\r"}
			if err := decode(r); err != nil {
				return nil, err
			}
			for i, ext := range r.Markdown {
				r.Markdown[i] = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(ext)), ".")
			}
			return r, nil
		},
	})
}

type trailingWhitespace struct {
	Markdown []string `json:"markdown"` // extensions in which two blanks at the end are a line break; "*" for all files
	Chars    string   `json:"chars"`    // what counts as blank
}

func (r *trailingWhitespace) Wants(f *File) bool { return f.HasText() }

func (r *trailingWhitespace) Check(f *File) ([]Finding, error) {
	markdown := r.isMarkdown(f)
	return Text("trailing-whitespace", f, func(text []byte) []Finding {
		var found []Finding
		lines(text, func(number, _ int, line []byte) {
			body, kept := r.split(line, markdown)
			if len(kept) < len(body) {
				found = append(found, Finding{Line: number, Column: len(kept) + 1, Message: "the line ends in blanks"})
			}
		})
		return found
	})
}

func (r *trailingWhitespace) Fix(f *File) ([]byte, bool, error) {
	markdown := r.isMarkdown(f)
	return fixText("trailing-whitespace", f, func(text []byte) []byte {
		fixed := make([]byte, 0, len(text))
		lines(text, func(_, _ int, line []byte) {
			body, kept := r.split(line, markdown)
			fixed = append(append(fixed, kept...), line[len(body):]...)
		})
		return fixed
	})
}

// split returns the line without its ending, and what should remain of that.
func (r *trailingWhitespace) split(line []byte, markdown bool) (body, kept []byte) {
	body = bytes.TrimSuffix(line, []byte{'\n'})
	if len(body) < len(line) {
		body = bytes.TrimSuffix(body, []byte{'\r'})
	}
	if last := len(body) - 1; last < 0 || body[last] > ' ' && strings.IndexByte(r.Chars, body[last]) < 0 {
		return body, body
	}
	if markdown && bytes.HasSuffix(body, []byte("  ")) && len(bytes.TrimSpace(body)) > 0 {
		// the two blanks that break a line stay: as many bytes as there are before the others, with the last two of the line
		words := trimRight(body[:len(body)-2], r.Chars)
		return body, append(words[:len(words):len(words)], ' ', ' ')
	}
	return body, trimRight(body, r.Chars)
}

func trimRight(body []byte, chars string) []byte {
	for len(body) > 0 && strings.IndexByte(chars, body[len(body)-1]) >= 0 {
		body = body[:len(body)-1]
	}
	return body
}

func (r *trailingWhitespace) isMarkdown(f *File) bool {
	return slices.Contains(r.Markdown, "*") || slices.Contains(r.Markdown, extension(f.Path)) && extension(f.Path) != ""
}
