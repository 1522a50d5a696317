package rule

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

func init() {
	Register(Kind{
		Name:    "yaml",
		Aliases: []string{"check-yaml"},
		Help:    "YAML files can be read, and no mapping has a key twice",
		Example: "{multiple: true, tags: any}",
		Args: []Arg{
			{Flags: []string{"-m", "--multi", "--allow-multiple-documents"}, Option: "multiple"},
			{Flags: []string{"--unsafe"}, Option: "loose"},
		},
		As: map[string]map[string]any{"check-yaml": {"multiple": false, "tags": "known"}},
		New: func(decode func(any) error) (any, error) {
			r := &yamlSyntax{Multiple: true, Tags: "any"}
			if err := decode(r); err != nil {
				return nil, err
			}
			return r, oneOf("yaml", "tags", r.Tags, "any", "known")
		},
	})
}

type yamlSyntax struct {
	Multiple bool   `json:"multiple"` // several documents in one file are right
	Tags     string `json:"tags"`     // "known": none but YAML's own; "any": also !Ref and the like
	Loose    bool   `json:"loose"`    // syntax alone: any number of documents, any tag, keys twice, unknown aliases
}

func (*yamlSyntax) Wants(f *File) bool {
	ext := extension(f.Path)
	return f.HasText() && (ext == "yaml" || ext == "yml" || ext == "eyaml" || slices.Contains([]string{".clang-format", ".clang-tidy", ".clangd", ".gemrc", ".yamllint", ".salt-lint"}, path.Base(f.Path)))
}

func (r *yamlSyntax) Check(f *File) ([]Finding, error) { return read("yaml", f, r.judge) }

func (r *yamlSyntax) judge(text []byte) (found []Finding) {
	defer func() {
		// the parser is not ours and the file is anybody's: what makes it fall over is said, and the other rules go on
		if fell := recover(); fell != nil {
			found = []Finding{{Unchecked: true, Message: fmt.Sprintf("not checked: the YAML parser could not go on (%v)", fell)}}
		}
	}()
	if offset := unprintable(text); offset >= 0 {
		return []Finding{at(text, offset, "the byte 0x%02x is not allowed in YAML; save the file as UTF-8 without control characters", text[offset])}
	}
	if line, why := tooMuch(text); line > 0 {
		return []Finding{{Line: line, Unchecked: true, Message: "not checked: " + why}}
	}
	if second := secondDocument(text); second > 0 && !r.Multiple && !r.Loose {
		return []Finding{{Line: second, Message: "a second document begins here; set multiple: true if the file may have several"}}
	}
	for _, d := range yamlDocuments(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		if f := r.document(d.text); f != nil {
			if f.Line > 0 || f.Unchecked {
				f.Line = max(f.Line, 1) + d.before
			}
			return []Finding{*f}
		}
	}
	return nil
}

// yamlLargest is the size in bytes of the largest document that is parsed: the time goes with the square of the size.
const yamlLargest = 2 << 20

// document returns the first thing that is wrong, with its line in the document.
func (r *yamlSyntax) document(text []byte) *Finding {
	if len(text) > yamlLargest {
		return &Finding{Unchecked: true, Message: fmt.Sprintf("not checked: the document has %s, and at most %s are read", bytesOf(int64(len(text))), bytesOf(yamlLargest))}
	}
	// keys that come twice are found below, in one pass; the parser compares each with each
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return yamlFinding(err)
	}
	if r.Loose {
		return nil
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		w := &yamlWalk{anchors: map[string]bool{}, known: r.Tags == "known"}
		ast.Walk(w, doc.Body)
		if w.found != nil {
			return w.found
		}
	}
	return nil
}

// yamlFinding makes one line of the parser's message, which has a drawing of the place below it.
func yamlFinding(err error) *Finding {
	var known interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &known) {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return &Finding{Message: "the file is not YAML: " + first}
	}
	f := &Finding{Message: "the file is not YAML: " + known.GetMessage()}
	if tk := known.GetToken(); tk != nil && tk.Position != nil {
		f.Line, f.Column = tk.Position.Line, tk.Position.Column
	}
	return f
}

// unprintable finds the first byte that is not of a character YAML 1.2.2 section 5.1 allows; -1 when there is none.
func unprintable(text []byte) int {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r >= 0x80 && r < 0xA0 && r != 0x85 || r == 0xFFFE || r == 0xFFFF {
			return i
		}
		i += size
	}
	return -1
}
