package rule

import "bytes"

func init() {
	Register(Kind{
		Name:    "end-of-file",
		Aliases: []string{"end-of-file-fixer"},
		Help:    "a file is empty or ends in exactly one newline",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &endOfFile{}
			return r, decode(r)
		},
	})
}

type endOfFile struct{}

func (*endOfFile) Wants(f *File) bool { return f.HasText() && f.Size != 0 }

func (*endOfFile) Check(f *File) ([]Finding, error) {
	return Text("end-of-file", f, func(text []byte) []Finding {
		fixed := ended(text)
		switch {
		case len(fixed) > len(text):
			return []Finding{at(text, len(text), "the last line has no newline")}
		case len(fixed) == 0 && len(text) > 0:
			return []Finding{{Line: 1, Message: "the file has nothing but newlines; make it empty or delete it"}}
		case len(fixed) < len(text):
			line, _ := place(text, len(fixed))
			return []Finding{{Line: line, Message: "the file ends in more than one newline"}}
		}
		return nil
	})
}

func (*endOfFile) Fix(f *File) ([]byte, bool, error) { return fixText("end-of-file", f, ended) }

// ended is the text with one line ending at its end: the first of those that are there, so that CRLF files stay what they are.
func ended(text []byte) []byte {
	body := bytes.TrimRight(text, "\r\n")
	rest := text[len(body):]
	switch {
	case len(body) == 0:
		return nil
	case len(rest) == 0:
		return append(body[:len(body):len(body)], '\n')
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return text[:len(body)+2]
	}
	return text[:len(body)+1]
}
