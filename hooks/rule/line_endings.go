package rule

import (
	"bytes"
	"fmt"
)

func init() {
	Register(Kind{
		Name:    "line-endings",
		Aliases: []string{"mixed-line-ending"},
		Help:    "the lines of a file all end in the same way",
		Example: "{want: auto}",
		Args: []Arg{
			{Flags: []string{"-f", "--fix"}, Option: "want", Takes: Word},
			{Flags: []string{"-v", "--verbose"}},
		},
		New: func(decode func(any) error) (any, error) {
			r := &lineEndings{Want: "auto"}
			if err := decode(r); err != nil {
				return nil, err
			}
			return r, oneOf("line-endings", "want", r.Want, "auto", "no", "lf", "crlf", "cr")
		},
	})
}

type lineEndings struct {
	// Want is the ending: lf, crlf or cr; auto wants the one most lines of the file have, and no does too but repairs nothing.
	Want string `json:"want"`
}

var endings = map[string]string{"lf": "\n", "crlf": "\r\n", "cr": "\r"}

// counted is how many lines end in each way.
type counted struct{ lf, crlf, cr int }

func countEndings(text []byte) counted {
	c := counted{crlf: bytes.Count(text, []byte("\r\n"))}
	c.lf = bytes.Count(text, []byte{'\n'}) - c.crlf
	c.cr = bytes.Count(text, []byte{'\r'}) - c.crlf
	return c
}

// wanted is the name of the ending that the text should have everywhere, empty when it has it.
func (r *lineEndings) wanted(c counted) string {
	has := map[string]int{"lf": c.lf, "crlf": c.crlf, "cr": c.cr}
	all := c.lf + c.crlf + c.cr
	if r.Want != "auto" && r.Want != "no" {
		if has[r.Want] == all {
			return ""
		}
		return r.Want
	}
	most := ""
	for _, name := range []string{"lf", "crlf", "cr"} { // a tie goes to the earlier
		if has[name] == all {
			return ""
		}
		if most == "" || has[name] > has[most] {
			most = name
		}
	}
	return most
}

func (r *lineEndings) Wants(f *File) bool { return f.HasText() && f.Size > 0 }

func (r *lineEndings) Check(f *File) ([]Finding, error) {
	return Text("line-endings", f, func(text []byte) []Finding {
		if bytes.IndexByte(text, '\r') < 0 && r.Want != "crlf" && r.Want != "cr" {
			return nil
		}
		c := countEndings(text)
		want := r.wanted(c)
		if want == "" {
			return nil
		}
		return []Finding{{
			Line:    firstOther(text, endings[want]),
			Message: fmt.Sprintf("%d lines end in LF, %d in CRLF, %d in CR; want %s everywhere", c.lf, c.crlf, c.cr, want),
		}}
	})
}

// firstOther is the number of the first line that ends in another way, counted by its newlines.
func firstOther(text []byte, ending string) int {
	for i := 0; i < len(text); i++ {
		if text[i] != '\n' && text[i] != '\r' {
			continue
		}
		this := string(text[i : i+1])
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			this = "\r\n"
		}
		if this != ending {
			line, _ := place(text, i)
			return line
		}
		i += len(this) - 1
	}
	return 0
}

func (r *lineEndings) Fix(f *File) ([]byte, bool, error) {
	if r.Want == "no" {
		return nil, false, nil
	}
	return fixText("line-endings", f, func(text []byte) []byte {
		want := r.wanted(countEndings(text))
		if want == "" {
			return text
		}
		fixed := bytes.ReplaceAll(text, []byte("\r\n"), []byte{'\n'})
		fixed = bytes.ReplaceAll(fixed, []byte{'\r'}, []byte{'\n'})
		return bytes.ReplaceAll(fixed, []byte{'\n'}, []byte(endings[want]))
	})
}
