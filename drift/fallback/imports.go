package fallback

import (
	"regexp"
	"strings"
)

// wanted is one name that a source imports: a module, and perhaps something in it that may be a module too.
type wanted struct{ module, name string }

var (
	importLine = regexp.MustCompile(`^\s*(?:.*[;:]\s*)?import\s+(.+)$`)
	fromLine   = regexp.MustCompile(`^\s*(?:.*[;:]\s*)?from\s+(\.*[\w.]*)\s+import\s+(.+)$`)
)

// imports lists what a Python source imports of module_utils. It reads lines and not the language: what only looks like an import names a module that
// is not there, which is left out, or one more file in the archive.
func imports(source, full string, isPackage bool) []wanted {
	var out []wanted
	for _, line := range logicalLines(source) {
		if m := fromLine.FindStringSubmatch(line); m != nil {
			module := absolute(m[1], full, isPackage)
			for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(m[2]), "()"), ",") {
				if words := strings.Fields(part); len(words) > 0 {
					out = append(out, wanted{module, words[0]})
				}
			}
			continue
		}
		if m := importLine.FindStringSubmatch(line); m != nil {
			for part := range strings.SplitSeq(m[1], ",") {
				if words := strings.Fields(part); len(words) > 0 {
					out = append(out, wanted{words[0], ""})
				}
			}
		}
	}
	return out
}

// logicalLines joins lines that go on in parentheses or after a backslash, when they begin with an import.
func logicalLines(source string) []string {
	var lines []string
	open := ""
	for line := range strings.Lines(source) {
		line, _, _ = strings.Cut(strings.TrimRight(line, "\r\n"), "#")
		if open != "" {
			line = open + " " + strings.TrimSpace(line)
			open = ""
		} else if !strings.Contains(line, "import") {
			continue
		}
		trimmed := strings.TrimRight(line, " \t")
		switch {
		case strings.HasSuffix(trimmed, `\`) && len(line) < 1<<16:
			open = strings.TrimSuffix(trimmed, `\`)
		case fromLine.MatchString(line) && strings.Count(line, "(") > strings.Count(line, ")") && len(line) < 1<<16:
			open = line
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

// absolute resolves a relative import from a module of that full name.
func absolute(module, full string, isPackage bool) string {
	dots := len(module) - len(strings.TrimLeft(module, "."))
	if dots == 0 {
		return module
	}
	parts := strings.Split(full, ".")
	if isPackage {
		dots--
	}
	if dots > len(parts) {
		return module
	}
	parts = parts[:len(parts)-dots]
	if rest := strings.TrimLeft(module, "."); rest != "" {
		parts = append(parts, rest)
	}
	return strings.Join(parts, ".")
}

// ofUtils says whether a dotted name is one of those that go into the archive.
func ofUtils(module string) bool {
	if module == "ansible.module_utils" || strings.HasPrefix(module, "ansible.module_utils.") {
		return true
	}
	parts := strings.SplitN(module, ".", 6)
	return len(parts) >= 4 && parts[0] == "ansible_collections" && parts[3] == "plugins"
}
