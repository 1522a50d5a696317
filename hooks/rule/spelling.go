package rule

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

func init() {
	Register(Kind{
		Name:    "spelling",
		Help:    "no word of a list is misspelled",
		Example: "{words: {recieve: receive, Github: GitHub}}",
		New: func(decode func(any) error) (any, error) {
			r := &spelling{}
			if err := decode(r); err != nil {
				return nil, err
			}
			return r, r.prepare()
		},
	})
}

// spelling looks for whole words. A wrong word in lower case is found in any case; one with capitals in that spelling alone.
type spelling struct {
	Words map[string]string `json:"words"` // the wrong word and the right one; nothing where there is none
	exact map[string]string
	any   map[string]string
}

func (r *spelling) prepare() error {
	if len(r.Words) == 0 {
		return errors.New("rule spelling: option words is empty, want something like recieve: receive")
	}
	r.exact, r.any = map[string]string{}, map[string]string{}
	for wrong, right := range r.Words {
		if wrong == "" || strings.ContainsFunc(wrong, func(c rune) bool { return c < 0x80 && !isLetter(byte(c)) }) {
			return fmt.Errorf("rule spelling: %q is not one word of letters", wrong)
		}
		if strings.ToLower(wrong) == wrong && !strings.EqualFold(wrong, right) {
			r.any[wrong] = right
		} else {
			r.exact[wrong] = right // for github: GitHub, the right word must not be found
		}
	}
	return nil
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '\'' || c >= 0x80
}

func (*spelling) Wants(f *File) bool { return f.HasText() && f.Size > 0 }

func (r *spelling) Check(f *File) ([]Finding, error) {
	return Text("spelling", f, func(text []byte) []Finding {
		var found []Finding
		where := &cursor{text: text}
		r.each(text, func(start, end int, right string) {
			wrong := text[start:end]
			if right == "" {
				found = append(found, where.at(start, "%q is on the list of words that are not wanted", wrong))
				return
			}
			found = append(found, where.at(start, "%q should be %q", wrong, right))
		})
		return found
	})
}

func (r *spelling) Fix(f *File) ([]byte, bool, error) {
	return fixText("spelling", f, func(text []byte) []byte {
		var fixed []byte
		kept := 0
		r.each(text, func(start, end int, right string) {
			if again, known := r.lookup([]byte(right)); right == "" || known || again != "" {
				return // a right word that is itself on the list would be repaired for ever
			}
			fixed = append(append(fixed, text[kept:start]...), right...)
			kept = end
		})
		return append(fixed, text[kept:]...)
	})
}

// each calls see for the words that are on the list, with what should stand there.
func (r *spelling) each(text []byte, see func(start, end int, right string)) {
	for i := 0; i < len(text); {
		if !isLetter(text[i]) {
			i++
			continue
		}
		end := i
		for end < len(text) && isLetter(text[end]) {
			end++
		}
		if right, known := r.lookup(text[i:end]); known {
			see(i, end, right)
		}
		i = end
	}
}

func (r *spelling) lookup(word []byte) (string, bool) {
	if right, known := r.exact[string(word)]; known {
		return right, true
	}
	low := strings.ToLower(string(word))
	right, known := r.any[low]
	if known && right != "" && low != string(word) {
		if strings.ToUpper(low) == string(word) {
			right = strings.ToUpper(right)
		} else if string(word[:1]) == strings.ToUpper(low[:1]) {
			first, size := utf8.DecodeRuneInString(right)
			right = string(unicode.ToUpper(first)) + right[size:]
		}
	}
	return right, known
}
