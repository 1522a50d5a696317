package rule

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

func init() {
	Register(Kind{
		Name:    "toml",
		Aliases: []string{"check-toml"},
		Help:    "TOML files can be read",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &tomlSyntax{}
			return r, decode(r)
		},
	})
}

type tomlSyntax struct{}

func (*tomlSyntax) Wants(f *File) bool {
	return f.HasText() && (extension(f.Path) == "toml" || slices.Contains([]string{"Pipfile", "poetry.lock", "Cargo.lock", "uv.lock", "pdm.lock"}, path.Base(f.Path)))
}

func (*tomlSyntax) Check(f *File) ([]Finding, error) { return read("toml", f, tomlJudge) }

// tomlDeepest bounds the nesting that is given to the parser, which calls itself.
const tomlDeepest = 1000

func tomlJudge(text []byte) (found []Finding) {
	defer func() {
		if fell := recover(); fell != nil {
			found = []Finding{{Unchecked: true, Message: fmt.Sprintf("not checked: the TOML parser could not go on (%v)", fell)}}
		}
	}()
	if !utf8.Valid(text) {
		offset := 0
		for {
			r, size := utf8.DecodeRune(text[offset:])
			if r == utf8.RuneError && size == 1 {
				return []Finding{at(text, offset, "the byte 0x%02x is not UTF-8, and TOML is", text[offset])}
			}
			offset += size
		}
	}
	depth := 0
	for i, c := range text {
		switch c {
		case '[', '{':
			if depth++; depth > tomlDeepest {
				f := at(text, i, "not checked: more than %d brackets are open", tomlDeepest)
				f.Unchecked = true
				return []Finding{f}
			}
		case ']', '}':
			depth = max(depth-1, 0)
		case '\n':
			// outside of an array a bracket does not span lines, and inside comments and strings they need not be paired
			if i+1 < len(text) && text[i+1] == '[' {
				depth = 0
			}
		}
	}
	var all map[string]any
	err := toml.NewDecoder(bytes.NewReader(text)).Decode(&all)
	if err == nil {
		return nil
	}
	var where *toml.DecodeError
	if errors.As(err, &where) {
		line, column := where.Position()
		return []Finding{{Line: line, Column: column, Message: "the file is not TOML: " + where.Error()}}
	}
	return []Finding{{Message: "the file is not TOML: " + err.Error()}}
}
