package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Explain says what a key, a family or a member of one is, with its example: "services.strategy.canary", "canary",
// "strategy", "services.web.port". Names of the user's may be left out. What it does not know is an error with the
// nearest names. The empty topic is the whole file.
func Explain[T any](name string) (string, error) {
	all := topicsOf(reflect.TypeFor[T]())
	asked := segments(name)
	found := matching(all, asked)
	if len(found) == 0 {
		return "", nothingCalled(name, asked, all)
	}
	var texts []string
	seen := map[string]bool{}
	for _, t := range found {
		if !seen[t.id] {
			seen[t.id] = true
			texts = append(texts, t.text())
		}
	}
	return strings.Join(texts, "\n"), nil
}

var indexPart = regexp.MustCompile(`\[[0-9]*\]`)

func segments(name string) []string {
	return strings.FieldsFunc(indexPart.ReplaceAllString(name, ""), func(r rune) bool { return r == '.' || r == ' ' })
}

// matching prefers a whole path without the user's names, then one with them, then the end of a path.
func matching(all []topic, asked []string) []topic {
	var exact, withNames, ends []topic
	for _, t := range all {
		switch {
		case fits(t.pattern, asked, false):
			exact = append(exact, t)
		case fits(t.pattern, asked, true):
			withNames = append(withNames, t)
		default:
			for i := range t.pattern {
				if t.pattern[i] != "*" && fits(t.pattern[i:], asked, false) {
					ends = append(ends, t)
					break
				}
			}
		}
	}
	withNames = slices.DeleteFunc(withNames, func(t topic) bool { return isNear(t, asked) })
	for _, found := range [][]topic{exact, withNames, ends} {
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// fits matches a topic's path; a "*" takes the user's name where names is true, or nothing.
func fits(pattern, asked []string, names bool) bool {
	if len(pattern) == 0 {
		return len(asked) == 0
	}
	if pattern[0] == "*" {
		return (len(pattern) > 1 && fits(pattern[1:], asked, names)) || (names && len(asked) > 0 && fits(pattern[1:], asked[1:], names))
	}
	return len(asked) > 0 && pattern[0] == asked[0] && fits(pattern[1:], asked[1:], names)
}

// isNear is true when the last part was taken for a name, but is more likely a misspelt key.
func isNear(t topic, asked []string) bool {
	if t.pattern[len(t.pattern)-1] != "*" {
		return false
	}
	var known []string
	for _, line := range t.keys() {
		known = append(known, line[0])
	}
	return Nearest(asked[len(asked)-1], known) != ""
}

// nothingCalled names the nearest topics: by the whole path, else by its last part.
func nothingCalled(name string, asked []string, all []topic) error {
	var paths, ends []string
	for _, t := range all {
		if len(t.pattern) > 0 {
			path := strings.ReplaceAll(strings.Join(t.pattern, "."), ".*", "")
			paths = append(paths, path)
			if end := t.pattern[len(t.pattern)-1]; end != "*" {
				ends = append(ends, end)
			}
		}
	}
	near := ""
	if len(asked) > 1 {
		near = Nearest(strings.Join(asked, "."), paths)
	}
	if near == "" && len(asked) > 0 {
		near = Nearest(asked[len(asked)-1], ends)
	}
	if near != "" {
		return fmt.Errorf("nothing is called %s (did you mean %s?)", quoted(name), near)
	}
	var top []string
	for _, t := range all {
		if len(t.pattern) == 1 {
			top = append(top, t.pattern[0])
		}
	}
	slices.Sort(top)
	return errors.New("nothing is called " + quoted(name) + ": start at " + oneOf(slices.Compact(top)))
}

// text is the page of one topic.
func (t topic) text() string {
	var b strings.Builder
	head := t.path()
	if head == "" {
		head = "goodstate.yaml"
	}
	b.WriteString(head)
	if t.help != "" {
		b.WriteString(": " + t.help)
	}
	b.WriteString("\n  " + strings.Trim(t.notes(), " ()") + "\n")
	if t.example != "" {
		example := t.example
		if !strings.Contains(example, "\n") && len(t.pattern) > 0 && !strings.HasPrefix(example, t.pattern[len(t.pattern)-1]) {
			example = t.pattern[len(t.pattern)-1] + ": " + example
		}
		b.WriteString("\n  example:\n" + indent(example, "    ") + "\n")
	}
	if t.family != nil {
		b.WriteString("\n  one of:\n")
		var lines [][2]string
		for _, m := range t.family.members {
			lines = append(lines, [2]string{m.Name, m.Help})
		}
		b.WriteString(columns(lines))
	}
	if lines := t.keys(); len(lines) > 0 {
		b.WriteString("\n  keys:\n" + columns(lines))
	}
	return b.String()
}

func columns(lines [][2]string) string {
	width := 0
	for _, l := range lines {
		width = max(width, len(l[0]))
	}
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "    %-*s  %s\n", width, l[0], l[1])
	}
	return b.String()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}
