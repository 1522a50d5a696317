package plan

import (
	"fmt"
	"path"
	"strings"
)

// Match tells whether a glob matches a path. * and ? stay within a folder, ** goes through folders, [a-z] and {a,b} are as in a shell, and a
// glob without a slash is about the file's name alone, wherever it lies. A glob that ends in a slash matches all below.
func Match(glob, name string) bool {
	for _, g := range braces(glob) {
		if matchOne(g, name) {
			return true
		}
	}
	return false
}

func matchOne(glob, name string) bool {
	glob = strings.TrimPrefix(glob, "./")
	if !strings.Contains(glob, "/") {
		ok, err := path.Match(glob, path.Base(name))
		return err == nil && (ok || glob == "**")
	}
	if strings.HasSuffix(glob, "/") {
		glob += "**"
	}
	return segments(strings.Split(strings.TrimPrefix(glob, "/"), "/"), strings.Split(name, "/"))
}

// segments matches folder by folder. A ** tries every number of folders; what follows the last ** decides alone, so the work stays small.
func segments(glob, name []string) bool {
	for len(glob) > 0 {
		if glob[0] == "**" {
			if len(glob) == 1 {
				return len(name) > 0
			}
			for i := range name {
				if segments(glob[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(glob[0], name[0]); err != nil || !ok {
			return false
		}
		glob, name = glob[1:], name[1:]
	}
	return len(name) == 0
}

const maxBraces = 256

// braces writes out {a,b}; a brace without its partner stands for itself.
func braces(glob string) []string {
	open := strings.IndexByte(glob, '{')
	if open < 0 {
		return []string{glob}
	}
	length := strings.IndexByte(glob[open:], '}')
	if length < 0 {
		return []string{glob}
	}
	var all []string
	for _, choice := range strings.Split(glob[open+1:open+length], ",") {
		for _, rest := range braces(glob[open+length+1:]) {
			if len(all) == maxBraces {
				return all
			}
			all = append(all, glob[:open]+choice+rest)
		}
	}
	return all
}

// CheckGlob says what is wrong with a glob.
func CheckGlob(glob string) error {
	if glob == "" {
		return fmt.Errorf("a glob is empty, want for example *.py or src/**/*.go")
	}
	if n := strings.Count(glob, "**"); n > 4 {
		return fmt.Errorf("glob %q has ** %d times, want at most 4", glob, n)
	}
	if n := strings.Count(glob, ","); n > maxBraces {
		return fmt.Errorf("glob %q has %d choices, want at most %d", glob, n, maxBraces)
	}
	for _, g := range braces(glob) {
		for part := range strings.SplitSeq(g, "/") {
			if _, err := path.Match(part, ""); err != nil {
				return fmt.Errorf("glob %q is broken: %w", glob, err)
			}
		}
	}
	return nil
}
