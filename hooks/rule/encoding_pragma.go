package rule

import (
	"bytes"
	"errors"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "encoding-pragma",
		Aliases: []string{"fix-encoding-pragma"},
		Help:    "Python files say their encoding in a comment, or none does",
		Example: "{remove: true}",
		Args: []Arg{
			{Flags: []string{"--pragma"}, Option: "pragma", Takes: Word},
			{Flags: []string{"--remove"}, Option: "remove"},
		},
		New: func(decode func(any) error) (any, error) {
			r := &encodingPragma{Pragma: "# -*- coding: utf-8 -*-"}
			if err := decode(r); err != nil {
				return nil, err
			}
			if r.Pragma = strings.TrimSpace(r.Pragma); r.Pragma == "" || strings.Contains(r.Pragma, "\n") {
				return nil, errors.New("rule encoding-pragma: option pragma is not one line of text, want something like # -*- coding: utf-8 -*-")
			}
			return r, nil
		},
	})
}

type encodingPragma struct {
	Pragma string `json:"pragma"` // the comment that is wanted
	Remove bool   `json:"remove"` // none is wanted: Python 3 reads UTF-8 anyway
}

func (*encodingPragma) Wants(f *File) bool { return languages["python"].mayBe(f) && f.Size > 0 }

func (r *encodingPragma) Check(f *File) ([]Finding, error) {
	return Text("encoding-pragma", f, func(text []byte) []Finding {
		if bytes.Equal(r.repaired(f, text), text) {
			return nil
		}
		if r.Remove {
			return []Finding{{Line: 1, Message: "the file says its encoding in a comment, which Python 3 does not need; delete it"}}
		}
		return []Finding{{Line: 1, Message: "the file does not begin with " + r.Pragma}}
	})
}

func (r *encodingPragma) Fix(f *File) ([]byte, bool, error) {
	return fixText("encoding-pragma", f, func(text []byte) []byte { return r.repaired(f, text) })
}

// repaired is the file as it should be. A file of nothing but a #! line or such a comment should be empty.
func (r *encodingPragma) repaired(f *File, text []byte) []byte {
	if !languages["python"].is(f, text) {
		return text
	}
	var shebang []byte
	rest := text
	if bytes.HasPrefix(text, []byte("#!")) {
		shebang, rest = firstLine(text)
	}
	coding, after := firstLine(rest)
	exact := string(coding) == r.Pragma+"\n"
	if !exact && !saysCoding(coding) {
		coding, after = nil, rest
	}
	switch {
	case len(bytes.TrimSpace(after)) == 0 && (len(coding) > 0 || len(shebang) > 0):
		return nil
	case len(bytes.TrimSpace(after)) == 0, exact && !r.Remove, len(coding) == 0 && r.Remove:
		return text
	case r.Remove:
		return append(bytes.Clone(shebang), after...)
	}
	return append(append(bytes.Clone(shebang), r.Pragma+"\n"...), after...)
}

func firstLine(text []byte) (line, rest []byte) {
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		return text[:end+1], text[end+1:]
	}
	return text, nil
}

func saysCoding(line []byte) bool {
	if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
		return false
	}
	for _, word := range []string{"unicode", "encoding", "coding:", "coding="} {
		if bytes.Contains(line, []byte(word)) {
			return true
		}
	}
	return false
}
