package files

import (
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// patterns say what is left out.
type patterns struct{ names, paths []string }

func parsePatterns(all []string) (patterns, error) {
	var p patterns
	for _, text := range all {
		if text == "" || !doublestar.ValidatePattern(text) {
			return p, fmt.Errorf("exclude: %q is not a pattern", text)
		}
		if strings.Contains(text, "/") {
			p.paths = append(p.paths, strings.TrimSuffix(text, "/"))
		} else {
			p.names = append(p.names, text)
		}
	}
	return p, nil
}

func (p patterns) match(full string) bool {
	base := path.Base(full)
	for _, name := range p.names {
		if ok, _ := doublestar.Match(name, base); ok { // they were checked
			return true
		}
	}
	for _, pattern := range p.paths {
		if ok, _ := doublestar.Match(pattern, full); ok { // they were checked
			return true
		}
	}
	return false
}
