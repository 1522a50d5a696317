package playbook

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// qualified are the forms in which a builtin name may be written.
func qualified(name string) []string {
	return []string{name, "ansible.builtin." + name, "ansible.legacy." + name}
}

// Short is the name of a builtin module without its collection; other names stay as they are.
func Short(name string) string {
	for _, prefix := range []string{"ansible.builtin.", "ansible.legacy."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}

var (
	freeForm = []string{"command", "win_command", "ansible.windows.win_command", "shell", "win_shell", "ansible.windows.win_shell", "raw", "script"}
	rawToo   = []string{"include", "include_vars", "include_tasks", "include_role", "import_tasks", "import_role", "add_host", "group_by", "set_fact", "meta"}
)

func isFreeForm(action string) bool { return slices.Contains(freeForm, Short(action)) }

// rawModules is the list that the error names.
func rawModules() string {
	var out []string
	for _, name := range slices.Concat(freeForm, rawToo) {
		if strings.Contains(name, ".") {
			out = append(out, name)
		} else {
			out = append(out, qualified(name)...)
		}
	}
	return strings.Join(out, ", ")
}

// arguments finds the module of a task and brings its arguments into one form.
func (c *place) arguments(n *yaml11.Node) (action string, args *py.Dict, delegate any, err error) {
	more, err := extraArguments(n)
	if err != nil {
		return "", nil, nil, err
	}
	for _, key := range []string{"action", "local_action"} {
		old, ok := n.Get(key)
		if !ok {
			continue
		}
		if action != "" {
			return "", nil, nil, errorf(n, "action and local_action are mutually exclusive")
		}
		if action, args, err = oldForm(n, old, more); err != nil {
			return "", nil, nil, err
		}
		if key == "local_action" {
			delegate = "localhost"
		}
	}
	first := action
	for _, p := range n.Pairs {
		key := p.Key.Text
		if taskKeys[key] || strings.HasPrefix(key, "with_") {
			continue
		}
		if first != "" {
			return "", nil, nil, errorf(n, "conflicting action statements: %s, %s", first, key)
		}
		if first = key; !c.known(key) {
			continue
		}
		action = key
		if args, err = newForm(n, action, p.Value, more); err != nil {
			return "", nil, nil, err
		}
	}
	if action == "" {
		if first == "" {
			return "", nil, nil, errorf(n, "no module/action detected in task.")
		}
		return "", nil, nil, errorf(n, "couldn't resolve module/action '%s'. This often indicates a misspelling, missing collection, or incorrect module path.", first)
	}
	return action, args, delegate, rawArguments(n, action, args)
}

var builtinTasks = []string{"meta", "include", "include_tasks", "include_role", "import_tasks", "import_role"}

func (c *place) known(name string) bool {
	if slices.Contains(builtinTasks, Short(name)) || c.l.Knows == nil || c.l.Knows(name) {
		return true
	}
	if strings.Contains(name, ".") {
		return false
	}
	for _, collection := range c.around.Collections {
		if c.l.Knows(collection + "." + name) {
			return true
		}
	}
	return false
}

// rawArguments refuses words that are no key=value where the module knows none.
func rawArguments(n *yaml11.Node, action string, args *py.Dict) error {
	raw, ok := args.Get("_raw_params")
	if !ok || raw == "" || isFreeForm(action) || slices.Contains(rawToo, Short(action)) {
		return nil
	}
	args.Delete("_raw_params")
	if s, ok := raw.(string); ok && IsTemplate(s) {
		args.Set("_variable_params", s)
		return nil
	}
	return errorf(n, "this task '%s' has extra params, which is only allowed in the following modules: %s", action, rawModules())
}

// IsTemplate says whether text has something to resolve.
func IsTemplate(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// extraArguments reads args, whose values give way to all others.
func extraArguments(n *yaml11.Node) (*py.Dict, error) {
	out := py.NewDict()
	node, ok := n.Get("args")
	if !ok {
		return out, nil
	}
	value, err := node.Value()
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case nil:
	case string:
		if !IsTemplate(v) {
			return nil, errorf(n, "Complex args containing variables cannot use bare variables (without Jinja2 delimiters), and must use the full variable style ('{{var_name}}')")
		}
		out.Set("_variable_params", v)
	case *py.Dict:
		out = v.Copy()
	default:
		return nil, errorf(n, `Complex args must be a dictionary or variable string ("{{var}}").`)
	}
	return out, nil
}

func newForm(n *yaml11.Node, action string, node *yaml11.Node, more *py.Dict) (*py.Dict, error) {
	value, err := node.Value()
	if err != nil {
		return nil, err
	}
	args := more.Copy()
	switch v := value.(type) {
	case nil:
	case *py.Dict:
		merge(args, v)
	case string, py.Unsafe:
		found, err := KeyValues(text(v), isFreeForm(action))
		if err != nil {
			return nil, errorf(n, "%w", err)
		}
		merge(args, found)
	default:
		return nil, errorf(n, "unexpected parameter type in action: %s", pythonType(node))
	}
	return args, internalArguments(n, action, args)
}

func internalArguments(n *yaml11.Node, action string, args *py.Dict) error {
	if isFreeForm(action) {
		return nil
	}
	for k := range args.All() {
		if name, _ := k.(string); strings.HasPrefix(name, "_ansible_") {
			return errorf(n, "invalid parameter specified for action '%s': '%s'", action, name)
		}
	}
	return nil
}

// oldForm reads what follows action or local_action.
func oldForm(n, node *yaml11.Node, more *py.Dict) (string, *py.Dict, error) {
	value, err := node.Value()
	if err != nil {
		return "", nil, err
	}
	args := more.Copy()
	line := ""
	switch v := value.(type) {
	case string:
		line = v
	case *py.Dict:
		module, _ := v.Get("module")
		line = text(module)
		found := v.Copy()
		found.Delete("module")
		merge(args, found)
	default:
		return "", nil, errorf(n, "unexpected parameter type in action: %s", pythonType(node))
	}
	words, err := SplitArgs(line)
	if err != nil {
		return "", nil, errorf(n, "%w", err)
	}
	if len(words) == 0 {
		return "", nil, errorf(n, "no module/action detected in task.")
	}
	action := strings.TrimSpace(words[0])
	found, err := KeyValues(strings.Join(words[1:], " "), isFreeForm(action))
	if err != nil {
		return "", nil, errorf(n, "%w", err)
	}
	merge(args, found)
	if inner, ok := args.Get("args"); ok && !isFreeForm(action) {
		args.Delete("args")
		if d, ok := inner.(*py.Dict); ok {
			merge(args, d)
		}
	}
	return action, args, internalArguments(n, action, args)
}

func merge(into, from *py.Dict) {
	for k, v := range from.All() {
		into.Set(k, v)
	}
}

// commandKeys are the options that command and its kin know in their line.
var commandKeys = []string{"creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"}

var escapes = regexp.MustCompile(`\\U[0-9A-Fa-f]{8}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\N\{[^}]+\}|\\[\\'"abfnrtv]`)

func unescape(s string) string {
	return escapes.ReplaceAllStringFunc(s, func(m string) string {
		if m[1] == 'N' {
			return m
		}
		if m[1] == '\'' || m[1] == '"' {
			return m[1:]
		}
		out, err := strconv.Unquote(`"` + m + `"`)
		if err != nil {
			return m
		}
		if m[1] == 'x' {
			if code, err := strconv.ParseUint(m[2:], 16, 32); err == nil {
				return string(rune(code))
			}
		}
		return out
	})
}

// KeyValues reads "key=value key='two words' rest" as Ansible does. The rest is _raw_params; with free form, only the options of commands are keys.
func KeyValues(line string, free bool) (*py.Dict, error) {
	out := py.NewDict()
	words, err := SplitArgs(line)
	if err != nil {
		return nil, err
	}
	var raw []string
	for _, original := range words {
		word := unescape(original)
		at := equals(word)
		switch {
		case at < 0 && strings.Contains(word, "="):
			raw = append(raw, strings.ReplaceAll(word, `\=`, "="))
		case at < 0, free && !slices.Contains(commandKeys, word[:at]):
			raw = append(raw, original)
		default:
			out.Set(strings.TrimSpace(word[:at]), unquote(strings.TrimSpace(word[at+1:])))
		}
	}
	if len(raw) > 0 {
		out.Set("_raw_params", joinArgs(raw))
	}
	return out, nil
}

// equals finds the first "=" that is not first and not escaped.
func equals(word string) int {
	for i := 1; i < len(word); i++ {
		if word[i] == '=' && word[i-1] != '\\' {
			return i
		}
	}
	return -1
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') && s[len(s)-2] != '\\' {
		return s[1 : len(s)-1]
	}
	return s
}

func joinArgs(words []string) string {
	var b strings.Builder
	for _, w := range words {
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}

var errUnbalanced = errors.New("failed at splitting arguments, either an unbalanced jinja2 block or quotes")

// SplitArgs splits at white space that is neither in quotes nor in a template.
func SplitArgs(line string) ([]string, error) {
	s := &splitter{}
	lines := strings.Split(line, "\n")
	for i, part := range lines {
		s.line(part)
		if len(lines) > 1 && i != len(lines)-1 && !s.goesOn && len(s.words) > 0 {
			s.words[len(s.words)-1] += "\n"
		}
		s.goesOn = false
	}
	if s.inside() || s.quote != 0 {
		return nil, fmt.Errorf("%w: %s", errUnbalanced, line)
	}
	return s.words, nil
}

type splitter struct {
	words  []string
	quote  byte
	depth  [3]int // of {{, {% and {#
	goesOn bool   // a backslash at the end of the line
}

var delimiters = [3][2]string{{"{{", "}}"}, {"{%", "%}"}, {"{#", "#}"}}

func (s *splitter) inside() bool { return s.depth != [3]int{} }

func (s *splitter) line(line string) {
	tokens := strings.Split(line, " ")
	for i, token := range tokens {
		if token == "" && i != 0 {
			if len(s.words) > 0 {
				s.words[len(s.words)-1] += " "
			}
			continue
		}
		if token == `\` && s.quote == 0 {
			s.goesOn = true
			continue
		}
		s.token(token, i, len(tokens))
	}
}

func (s *splitter) token(token string, i, count int) {
	was := s.quote != 0
	s.quote = quoteAfter(token, s.quote)
	now := s.quote != 0
	appended := false
	switch {
	case now && !was && !s.inside():
		s.words = append(s.words, token)
		appended = true
	case s.inside() || now || was:
		s.extend(token, i, count, was)
		appended = true
	}
	for d, marks := range delimiters {
		before := s.depth[d]
		s.depth[d] = max(0, before+strings.Count(token, marks[0])-strings.Count(token, marks[1]))
		if s.depth[d] != before && !appended {
			s.words = append(s.words, token)
			appended = true
		}
	}
	if !s.inside() && !now && !appended && token != "" {
		s.words = append(s.words, token)
	}
}

func (s *splitter) extend(token string, i, count int, was bool) {
	if len(s.words) == 0 {
		s.words = append(s.words, token)
		return
	}
	last := &s.words[len(s.words)-1]
	switch {
	case i == 0 && was:
		*last += token
	case count > 1 && i > 0:
		*last += " " + token
	case count > 1:
		*last += token
	default:
		*last += "\n" + token
	}
}

func quoteAfter(token string, quote byte) byte {
	for i := 0; i < len(token); i++ {
		c := token[i]
		if (c == '"' || c == '\'') && (i == 0 || token[i-1] != '\\') {
			switch quote {
			case 0:
				quote = c
			case c:
				quote = 0
			}
		}
	}
	return quote
}
