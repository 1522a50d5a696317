package fallback

import (
	"os"
	"strings"
)

// routing is what a runtime.yml says about names that have moved: kind and name to the entry's keys.
type routing struct{ entries map[string]string }

// route reads a runtime.yml once; one that is not there says nothing.
func (a *Ansible) route(path string) *routing {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.routes[path]; r != nil {
		return r
	}
	r := &routing{entries: map[string]string{}}
	if text, err := os.ReadFile(path); err == nil && len(text) < maxModule {
		r.read(string(text))
	}
	a.routes[path] = r
	return r
}

// read takes the nested keys of a YAML file by their indentation; these files have no other form, and thousands of lines of it.
func (r *routing) read(text string) {
	type level struct {
		indent int
		key    string
	}
	var stack []level
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		indent := len(line) - len(trimmed)
		trimmed = strings.TrimSpace(trimmed)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == '-' {
			continue
		}
		key, value, ok := strings.Cut(trimmed, ":")
		if !ok || value != "" && value[0] != ' ' {
			continue
		}
		for len(stack) > 0 && stack[len(stack)-1].indent >= indent {
			stack = stack[:len(stack)-1]
		}
		stack = append(stack, level{indent, strings.Trim(key, `"'`)})
		if value = strings.Trim(strings.TrimSpace(value), `"'`); value == "" {
			continue
		}
		path := make([]string, len(stack))
		for i, l := range stack {
			path[i] = l.key
		}
		r.entries[strings.Join(path, "\x00")] = value
	}
}

func (r *routing) redirect(kind, name string) string {
	return r.entries[strings.Join([]string{"plugin_routing", kind, name, "redirect"}, "\x00")]
}

func (r *routing) tombstone(kind, name string) string {
	return r.entries[strings.Join([]string{"plugin_routing", kind, name, "tombstone", "warning_text"}, "\x00")]
}
