package module

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Task is one call under way: its arguments with the right types, what it would change, and its result.
type Task struct {
	Call
	kind    *Kind
	args    map[string]any
	secrets []string
	steps   []step
	after   []func(ctx context.Context) error
	cleanup []func()
	result  Result
	diffs   []any
	warned  []any
	changed bool
	env     []string // built on first use
}

type step struct {
	do func(ctx context.Context) error
}

// Change adds one thing that is to be done. The task counts as changed, in check mode too; do is only called outside of it, in the order of
// the calls, and never after one that failed. do may be nil where saying so is all there is.
func (t *Task) Change(do func(ctx context.Context) error) {
	t.changed = true
	if do != nil {
		t.steps = append(t.steps, step{do})
	}
}

// Act adds something to do that does not count as a change by itself; it sets changed on the task when it turns out to be one.
func (t *Task) Act(do func(ctx context.Context) error) { t.steps = append(t.steps, step{do}) }

// After adds what is said once everything is done; it runs in check mode too and changes nothing.
func (t *Task) After(do func(ctx context.Context) error) { t.after = append(t.after, do) }

// Cleanup adds what is done at the end in any case.
func (t *Task) Cleanup(do func()) { t.cleanup = append(t.cleanup, do) }

// Return sets a key of the result.
func (t *Task) Return(key string, value any) { t.result[key] = value }

// Warn adds a warning to the result, once.
func (t *Task) Warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, w := range t.warned {
		if w == text {
			return
		}
	}
	t.warned = append(t.warned, text)
}

// Has tells whether an option was given, or has a default that is not null.
func (t *Task) Has(name string) bool { return t.args[name] != nil }

// Str returns a text; empty when it is not there.
func (t *Task) Str(name string) string {
	s, _ := t.args[name].(string)
	return s
}

// Bool returns a truth; false when it is not there.
func (t *Task) Bool(name string) bool {
	b, _ := t.args[name].(bool)
	return b
}

// Int returns a number; 0 when it is not there.
func (t *Task) Int(name string) int64 {
	i, _ := t.args[name].(int64)
	return i
}

// Float returns a number; 0 when it is not there.
func (t *Task) Float(name string) float64 {
	f, _ := t.args[name].(float64)
	return f
}

// Strs returns a list of texts; nil when it is not there.
func (t *Task) Strs(name string) []string {
	items, _ := t.args[name].([]any)
	var list []string
	for _, item := range items {
		list = append(list, pyStr(item))
	}
	return list
}

// Map returns a dict; nil when it is not there.
func (t *Task) Map(name string) map[string]any {
	m, _ := t.args[name].(map[string]any)
	return m
}

// Getenv reads the environment of the task.
func (t *Task) Getenv(name string) string {
	if v, ok := t.Env[name]; ok {
		return v
	}
	return os.Getenv(name)
}

// environ is the environment of what the task starts.
func (t *Task) environ() []string {
	if t.env == nil {
		t.env = os.Environ()
		for k, v := range t.Env {
			t.env = append(t.env, k+"="+v)
		}
	}
	return t.env
}

// abs makes a path absolute, from the folder of the task.
func (t *Task) abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(t.cwd(), path)
}

func (t *Task) cwd() string {
	if t.Dir != "" {
		return t.Dir
	}
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return dir
}

// tmp is the folder for temporary files that need not be beside their target.
func (t *Task) tmp() string {
	if t.Tmp != "" {
		dir := t.expand(t.Tmp)
		if os.MkdirAll(dir, 0o700) == nil {
			return dir
		}
	}
	if dir := t.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	return "/tmp"
}

// expand replaces $VAR and ${VAR} that are set, and then a leading ~ or ~user, as Python's expandvars and expanduser do.
func (t *Task) expand(path string) string {
	if strings.Contains(path, "$") {
		path = expandVars(path, t.lookupEnv)
	}
	if !strings.HasPrefix(path, "~") {
		return path
	}
	name, rest, slash := strings.Cut(path[1:], "/")
	home := t.Getenv("HOME")
	if name != "" || home == "" {
		account, err := lookupUser(name)
		if name == "" {
			account, err = lookupUID(os.Geteuid())
		}
		if err != nil {
			return path
		}
		home = account.Home
	}
	home = strings.TrimRight(home, "/")
	if slash {
		return home + "/" + rest
	}
	if home == "" {
		return "/"
	}
	return home
}

func (t *Task) lookupEnv(name string) (string, bool) {
	if v, ok := t.Env[name]; ok {
		return v, true
	}
	return os.LookupEnv(name)
}

// expandVars leaves what is not set as it is.
func expandVars(text string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '$' {
			b.WriteByte(text[i])
			i++
			continue
		}
		name, length := varName(text[i+1:])
		if v, ok := lookup(name); ok && name != "" {
			b.WriteString(v)
		} else {
			b.WriteString(text[i : i+1+length])
		}
		i += 1 + length
	}
	return b.String()
}

func varName(text string) (name string, length int) {
	if strings.HasPrefix(text, "{") {
		if end := strings.IndexByte(text, '}'); end > 0 {
			return text[1:end], end + 1
		}
		return "", 0
	}
	for length < len(text) && (text[length] == '_' || text[length] >= '0' && text[length] <= '9' || text[length]|0x20 >= 'a' && text[length]|0x20 <= 'z') {
		length++
	}
	return text[:length], length
}
