package rule

import (
	"fmt"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "case-conflict",
		Aliases: []string{"check-case-conflict"},
		Help:    "no two paths differ in case alone",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &caseConflict{}
			return r, decode(r)
		},
	})
}

// caseConflict finds names that are one file on Windows and macOS: a clone there loses one of the two, and directories melt together.
type caseConflict struct{}

func (*caseConflict) CheckChange(c *Change) ([]Finding, error) {
	// Only what the change adds is folded and kept, with the folders above it, so that memory goes with the change and not with the repository.
	added := map[string]*twoNames{}
	for _, f := range c.Files {
		for p := f.Path; f.Old == 0 && p != ""; p = above(p) {
			if folded := strings.ToLower(p); added[folded] == nil {
				added[folded] = &twoNames{path: p}
			}
		}
	}
	if len(added) == 0 {
		return nil, nil // no new name, no new conflict: the list of all paths need not be read
	}
	all, err := c.Paths()
	if err != nil {
		return nil, fmt.Errorf("rule case-conflict: listing the paths after the change: %w", err)
	}
	for _, p := range all {
		for ; p != ""; p = above(p) {
			if s := added[strings.ToLower(p)]; s != nil && s.other == "" && p != s.path {
				s.other = p
			}
		}
	}
	var found []Finding
	for _, f := range c.Files {
		if f.Old != 0 {
			continue
		}
		for p := f.Path; p != ""; p = above(p) {
			if s := added[strings.ToLower(p)]; s != nil && s.other != "" {
				found = append(found, Finding{
					Rule: "case-conflict", Path: f.Path,
					Message: fmt.Sprintf("%q and %q differ in case alone, and are one name on Windows and macOS; rename one", s.path, s.other),
				})
				break
			}
		}
	}
	return found, nil
}

// twoNames are a path and another one that differs in case; other is empty until it is found.
type twoNames struct{ path, other string }

// above is the directory of a path, empty at the root.
func above(p string) string {
	at := strings.LastIndexByte(p, '/')
	return p[:max(at, 0)]
}
