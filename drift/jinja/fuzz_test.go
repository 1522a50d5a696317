package jinja

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// grammar makes expressions and templates at random.
type grammar struct {
	r     *rand.Rand
	depth int
	local []string
}

func (g *grammar) pick(options ...string) string { return options[g.r.IntN(len(options))] }

func (g *grammar) atom() string {
	switch g.r.IntN(12) {
	case 0:
		return fmt.Sprint(g.r.IntN(20) - 5)
	case 1:
		return g.pick("0.5", "2.0", "1e3", "3.14", "10.25", "0.1")
	case 2:
		return g.pick("'a'", "'web'", "\"it's\"", "''", "'1'", "'x y'", "'True'", "'[1, 2]'", "'ä'", "'a,b,c'", "'%s'", "'{}'")
	case 3:
		return g.pick("true", "false", "none", "True", "None")
	case 4:
		if len(g.local) > 0 {
			return g.pick(g.local...)
		}
		fallthrough
	case 5, 6:
		return g.pick("name", "num", "pi", "half", "yes_", "no_", "nothing", "empty", "text", "path", "unicode", "quotes", "csv", "version", "big", "listtext", "booltext")
	case 7:
		return g.pick("list", "words", "nested", "mixed", "strs", "users", "tmpl_list", "chain1", "ips", "lines")
	case 8:
		return g.pick("dict", "over", "over2", "tmpl_dict", "users[0]", "dict.c", "result", "missing_inside")
	case 9:
		return g.pick("nope", "dict.nope", "list[9]", "nope.x", "users[1].shell")
	case 10:
		return "[" + g.list(3) + "]"
	}
	return "{'k': " + g.expr() + ", 'a': " + g.expr() + "}"
}

func (g *grammar) list(most int) string {
	parts := make([]string, g.r.IntN(most+1))
	for i := range parts {
		parts[i] = g.expr()
	}
	return strings.Join(parts, ", ")
}

var fuzzFilters = []string{
	"upper", "lower", "title", "capitalize", "length", "list", "first", "last", "sort", "unique", "reverse | list", "join", "join('-')", "int", "float", "string", "bool",
	"default('d')", "default('d', true)", "default(num)", "to_json", "to_json | from_json", "flatten", "min", "max", "sum", "abs", "round", "round(1)", "trim", "replace('a', 'b')",
	"map('string') | list", "map('upper') | list", "map('length') | list", "select('defined') | list", "reject('none') | list", "select | list", "select('string') | list",
	"dict2items", "dictsort", "items | list", "combine(over)", "combine({'a': 9}, recursive=true)", "type_debug", "quote", "b64encode", "hash('md5')", "regex_replace('[aeiou]', '_')",
	"regex_findall('[a-z]')", "regex_search('a.')", "split(',')", "basename", "dirname", "splitext", "urlencode", "ternary(1, 2)", "to_nice_json", "to_yaml", "to_nice_yaml",
	"union([1])", "intersect(list)", "difference([1])", "zip([1, 2]) | list", "batch(2) | list", "indent", "center(9)", "truncate(5)", "comment", "mandatory", "extract(dict)",
	"map(attribute='name') | list", "selectattr('name') | list", "selectattr('name', 'defined') | list", "rejectattr('active') | list", "groupby('name') | list", "wordwrap(5)",
	"from_yaml", "human_readable", "pow(2)", "root", "log", "regex_escape", "b64decode", "product([1]) | list", "subelements('groups')", "slice(2) | list", "md5", "count", "count | string",
}

var fuzzTests = []string{
	"defined", "undefined", "none", "string", "number", "mapping", "sequence", "iterable", "integer", "float", "boolean", "odd", "even", "true", "false", "lower", "upper",
	"divisibleby(2)", "in [1, 'a', 'web1']", "contains('a')", "match('w')", "search('a')", "eq(5)", "ne('a')", "gt(1)", "sameas(true)", "truthy", "falsy", "version('1.0', '>')",
	"subset([1, 2, 3])", "superset([1])", "any", "all", "changed", "failed", "callable",
}

var fuzzMethods = []string{
	"upper()", "lower()", "split()", "split('a')", "strip()", "startswith('w')", "endswith('1')", "replace('a', 'o')", "find('e')", "count('a')", "title()", "isdigit()", "keys() | list",
	"values() | list", "items() | list", "get('a')", "get('zz', 3)", "join(words)", "format(1)", "zfill(4)", "index(1)", "splitlines()", "copy()", "rsplit('e', 1)", "partition('e')",
}

func (g *grammar) expr() string {
	if g.depth++; g.depth > 5 {
		g.depth--
		return g.pick("1", "'s'", "name", "list", "num", "true", "dict", "none")
	}
	defer func() { g.depth-- }()
	switch g.r.IntN(22) {
	case 0, 1, 2, 3, 4:
		return g.atom()
	case 5, 6, 7, 8, 9:
		return g.operand() + " | " + fuzzFilters[g.r.IntN(len(fuzzFilters))]
	case 10, 11:
		return g.operand() + " is " + g.pick("", "not ") + fuzzTests[g.r.IntN(len(fuzzTests))]
	case 12:
		return g.operand() + "." + fuzzMethods[g.r.IntN(len(fuzzMethods))]
	case 13, 14:
		return g.operand() + " " + g.pick("+", "-", "*", "//", "%", "~", "/") + " " + g.operand()
	case 15:
		return g.operand() + " " + g.pick("==", "!=", "<", ">", "<=", ">=", "in", "not in") + " " + g.operand()
	case 16:
		return g.operand() + " " + g.pick("and", "or") + " " + g.operand()
	case 17:
		return "not " + g.operand()
	case 18:
		return g.operand() + " if " + g.operand() + " else " + g.operand()
	case 19:
		return g.operand() + g.pick("[0]", "[-1]", "['a']", ".a", ".name", "['k']", ".0", "[num]")
	case 20:
		if g.r.IntN(2) == 0 {
			return g.pick("list", "words", "text", "name", "users", "nested", "unicode", "lines", "strs") + g.pick("[1:]", "[:2]", "[::-1]", "[num:]", "[-2:]", "[1:9:2]")
		}
		return "(" + g.list(2) + ",)"
	}
	return g.operand() + " if " + g.operand()
}

// operand is an expression that may stand beside an operator.
func (g *grammar) operand() string {
	if g.r.IntN(3) > 0 {
		return g.atom()
	}
	return "(" + g.expr() + ")"
}

func (g *grammar) template() string {
	var b strings.Builder
	for range 1 + g.r.IntN(3) {
		switch g.r.IntN(9) {
		case 0:
			b.WriteString(g.pick("text ", "a\n", "- ", "[", "]", " ", "{'a': "))
		case 1:
			b.WriteString("{% if " + g.expr() + " %}" + g.pick("yes", "{{ "+g.expr()+" }}") + "{% else %}no{% endif %}")
		case 2:
			g.local = append(g.local, "i")
			b.WriteString("{% for i in " + g.operand() + " %}{{ " + g.expr() + " }}{{ loop.index }},{% else %}none{% endfor %}")
			g.local = g.local[:len(g.local)-1]
		case 3:
			g.local = append(g.local, "v")
			b.WriteString("{% set v = " + g.expr() + " %}{{ " + g.expr() + " }}")
		default:
			b.WriteString("{{ " + g.expr() + " }}")
		}
	}
	return b.String()
}

// sameAnswer compares as far as the two can agree: addresses of objects and texts of failures are not compared.
func sameAnswer(got, want answer) bool {
	if strings.Contains(want.Value, " object at 0x") || strings.Contains(want.Value, " at 0x") || strings.Contains(want.Value, "NotImplemented") {
		return true
	}
	if strings.Contains(want.Value, "<bound method") || strings.Contains(want.Value, "ResultBytes") {
		return got.Error == "" || strings.Contains(want.Value, "ResultBytes") // how Python shows its objects
	}
	if strings.Contains(got.Message, "AnsibleUnsafeText") {
		return true // Ansible adds unsafe text to numbers and gets NotImplemented
	}
	if strings.Contains(want.Value, "{{") && !strings.Contains(got.Value, "{{") || strings.Contains(want.Value, "{%") && got.Error != "" {
		return true // Ansible gives a template back that fails while it is compiled
	}
	if strings.Contains(want.Message, "AnsibleUndefined") || strings.Contains(want.Message, "Undefined") {
		return got.Error != "" // which of the two it is depends on where Python's library looks first
	}
	if got.Value == strings.NewReplacer("un'", "n'", "u'", "'", `u"`, `"`).Replace(want.Value) {
		return true // Ansible marks a result also for unsafe variables that it did not use
	}
	return got.Value == want.Value && got.Error == want.Error
}

func TestRandomExpressionsGiveWhatAnsibleGives(t *testing.T) {
	o, env, vars := startOracle(t), testEnv(t), sample(t)
	seed, n := uint64(20240607), 800
	if os.Getenv("E2E_ALL") == "1" {
		seed, n = uint64(time.Now().UnixNano()), 60_000
	}
	if s := os.Getenv("FUZZ_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	g := &grammar{r: rand.New(rand.NewPCG(seed, 1))}
	differs := 0
	for i := range n {
		g.local, g.depth = nil, 0
		text := "{{ " + g.expr() + " }}"
		kind := "template"
		switch g.r.IntN(6) {
		case 0:
			text = g.template()
		case 1:
			kind, text = "condition", g.expr()
		}
		want, got := o.ask(t, kind, text), ours(env, vars, kind, text)
		if sameAnswer(got, want) {
			continue
		}
		if differs++; differs <= 40 {
			t.Errorf("seed %d, number %d: %s %s\n  ours    %s %s %s\n  ansible %s %s %s", seed, i, kind, text, got.Value, got.Error, got.Message, want.Value, want.Error, want.Message)
		}
	}
	t.Logf("%d of %d differ", differs, n)
}
