package rule

import (
	"regexp"
	"slices"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "debug-statements",
		Help:    "no breakpoint or dump of a value is left in Python, JavaScript, Go, Ruby or PHP",
		Example: "{languages: [python, javascript, go, ruby, php]}",
		As:      map[string]map[string]any{"debug-statements": {"languages": []any{"python"}}},
		New: func(decode func(any) error) (any, error) {
			r := &debugStatements{Languages: []string{"go", "javascript", "php", "python", "ruby"}}
			if err := decode(r); err != nil {
				return nil, err
			}
			for _, name := range r.Languages {
				if err := oneOf("debug-statements", "languages", name, "go", "javascript", "php", "python", "ruby"); err != nil {
					return nil, err
				}
			}
			return r, nil
		},
	})
}

type debugStatements struct {
	Languages []string `json:"languages"`
}

func (r *debugStatements) Wants(f *File) bool {
	return slices.ContainsFunc(r.Languages, func(name string) bool { return languages[name].mayBe(f) })
}

func (r *debugStatements) Check(f *File) ([]Finding, error) {
	return Text("debug-statements", f, func(text []byte) []Finding {
		for _, name := range r.Languages {
			if !languages[name].is(f, text) {
				continue
			}
			if name == "python" {
				return debugPython(text)
			}
			return debugByPattern(name, text)
		}
		return nil
	})
}

// debuggers are the modules of Python that stop a program when they are imported for use.
var debuggers = []string{"bpdb", "ipdb", "pdb", "pdbr", "pudb", "pydevd_pycharm", "q", "rdb", "rpdb", "wdb"}

func debugPython(text []byte) []Finding {
	tokens, ok := pyTokens(text)
	if !ok {
		return nil
	}
	var found []Finding
	where := &cursor{text: text}
	say := func(t pyToken, what string) {
		found = append(found, where.at(t.offset, "%s; take it out", what))
	}
	for i, t := range tokens {
		begins := i == 0 || tokens[i-1].kind == ';' || tokens[i-1].text == ":"
		switch {
		case t.kind != 'n':
		case t.text == "import" && begins:
			for _, module := range imported(tokens[i+1:]) {
				if slices.Contains(debuggers, module) {
					say(t, "debugger "+module+" is imported")
				}
			}
		case t.text == "from" && begins && i+2 < len(tokens) && tokens[i+2].text == "import":
			if slices.Contains(debuggers, tokens[i+1].text) {
				say(t, "debugger "+tokens[i+1].text+" is imported")
			}
		case t.text == "breakpoint" && i+1 < len(tokens) && tokens[i+1].text == "(":
			if i == 0 || tokens[i-1].text != "." && tokens[i-1].text != "def" && tokens[i-1].text != "class" {
				say(t, "breakpoint() is called")
			}
		}
	}
	return found
}

// imported lists the modules of an import statement by their whole names: import a.b as c, d.
func imported(tokens []pyToken) []string {
	var all []string
	name, alias := "", false
	for _, t := range tokens {
		switch {
		case t.kind == ';':
			return append(all, name)
		case t.text == ",":
			all = append(all, name)
			name, alias = "", false
		case t.text == "as":
			alias = true
		case !alias:
			name += t.text
		}
	}
	return append(all, name)
}

// patterns of the other languages, tried on source without its comments and strings.
var debugPatterns = map[string]func() *regexp.Regexp{
	"javascript": sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)(?:^|[;{})\s])(debugger)\s*(?:;|\}|$)`) }),
	"go":         sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(runtime\.Breakpoint\(|spew\.(?:Dump|Fdump)\()`) }),
	"ruby": sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)(?:^|[;\s])(binding\.(?:pry|irb|break|b)\b|byebug\b|remote_byebug\b|debugger\b|save_and_open_page\b)(?:[^\w=:]|$)`)
	}),
	"php": sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[^\w>:$\\])((?:var_dump|dd|ddd|xdebug_break|debug_zval_refcount|debug_print_backtrace)\s*\()`)
	}),
}

func debugByPattern(name string, text []byte) []Finding {
	code := masked(text, dialects[name])
	var found []Finding
	where := &cursor{text: text}
	for _, span := range debugPatterns[name]().FindAllSubmatchIndex(code, -1) {
		found = append(found, where.at(span[2], "%q is left from debugging; take it out", code[span[2]:span[3]]))
	}
	return found
}
