package rule

import (
	"fmt"
	"path"
	"strings"
)

// glob is a pattern of paths as .gitignore has them: * and ? stay within a folder, ** crosses folders, [..] is one of a set. A pattern
// without a slash is of names, in any folder; one that ends in a slash is everything below.
type glob struct {
	text  string
	parts []string
}

func newGlob(rule, text string) (glob, error) {
	pattern := strings.TrimPrefix(text, "/")
	below := strings.HasSuffix(pattern, "/")
	pattern = strings.TrimSuffix(pattern, "/")
	if !strings.Contains(pattern, "/") && !strings.HasPrefix(text, "/") {
		pattern = "**/" + pattern
	}
	if below {
		pattern += "/**"
	}
	parts := strings.Split(pattern, "/")
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil || text == "" {
			return glob{}, fmt.Errorf("rule %s: %q is not a pattern of paths, want something like docs/**/*.md", rule, text)
		}
	}
	return glob{text, parts}, nil
}

func newGlobs(rule string, texts []string) ([]glob, error) {
	all := make([]glob, 0, len(texts))
	for _, text := range texts {
		g, err := newGlob(rule, text)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

func (g glob) match(p string) bool { return matchParts(g.parts, strings.Split(p, "/")) }

// matchParts remembers the last ** only, so that the time is a product of the lengths and never more.
func matchParts(pattern, names []string) bool {
	star, resume := -1, 0
	i, j := 0, 0
	for j < len(names) {
		if i < len(pattern) && pattern[i] == "**" {
			star, resume = i, j
			i++
			continue
		}
		if i < len(pattern) {
			if ok, err := path.Match(pattern[i], names[j]); err == nil && ok {
				i, j = i+1, j+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		i, j = star+1, resume
	}
	for i < len(pattern) && pattern[i] == "**" {
		i++
	}
	return i == len(pattern)
}

// matchAny returns the first pattern that a path is of.
func matchAny(all []glob, p string) (glob, bool) {
	for _, g := range all {
		if g.match(p) {
			return g, true
		}
	}
	return glob{}, false
}
