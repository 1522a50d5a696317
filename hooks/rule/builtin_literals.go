package rule

import "slices"

func init() {
	Register(Kind{
		Name:    "builtin-literals",
		Aliases: []string{"check-builtin-literals"},
		Help:    "empty values in Python are written as {} and [], not as dict() and list()",
		Example: "{ignore: [tuple], dict-keywords: true}",
		Args: []Arg{
			{Flags: []string{"--ignore"}, Option: "ignore", Takes: List},
			{Flags: []string{"--allow-dict-kwargs"}, Option: "dict-keywords"},
			{Flags: []string{"--no-allow-dict-kwargs"}, Option: "dict-keywords", Value: false},
		},
		New: func(decode func(any) error) (any, error) {
			r := &builtinLiterals{DictKeywords: true}
			return r, decode(r)
		},
	})
}

type builtinLiterals struct {
	Ignore       []string `json:"ignore"`        // names that may be called
	DictKeywords bool     `json:"dict-keywords"` // dict(a=1) is fine
}

var literals = map[string]string{"complex": "0j", "dict": "{}", "float": "0.0", "int": "0", "list": "[]", "str": "''", "tuple": "()"}

func (*builtinLiterals) Wants(f *File) bool { return languages["python"].mayBe(f) }

func (r *builtinLiterals) Check(f *File) ([]Finding, error) {
	return Text("builtin-literals", f, func(text []byte) []Finding {
		if !languages["python"].is(f, text) {
			return nil
		}
		tokens, ok := pyTokens(text)
		if !ok {
			return nil
		}
		var found []Finding
		where := &cursor{text: text}
		for i, t := range tokens {
			literal := literals[t.text]
			if t.kind != 'n' || literal == "" || i+1 == len(tokens) || tokens[i+1].text != "(" || slices.Contains(r.Ignore, t.text) {
				continue
			}
			if i > 0 && (tokens[i-1].text == "." || tokens[i-1].text == "def" || tokens[i-1].text == "class") {
				continue
			}
			values, keywords := arguments(tokens[i+2:])
			if values || t.text == "dict" && keywords && r.DictKeywords {
				continue
			}
			found = append(found, where.at(t.offset, "%s() makes an empty value by a call; write %s", t.text, literal))
		}
		return found
	})
}

// arguments tells whether a call has values by position, and by name, from the words after its bracket.
func arguments(tokens []pyToken) (values, keywords bool) {
	depth, begin := 0, true
	for i, t := range tokens {
		if begin && t.text != ")" && t.text != "," {
			named := t.kind == 'n' && i+2 < len(tokens) && tokens[i+1].text == "=" && tokens[i+2].text != "=" ||
				t.text == "*" && i+1 < len(tokens) && tokens[i+1].text == "*"
			values, keywords = values || !named, keywords || named
			begin = false
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth < 0 {
				return values, keywords
			}
		case ",":
			begin = depth == 0
		}
	}
	return values, keywords
}
