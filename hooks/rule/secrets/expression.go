package secrets

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// expression is a regular expression that is compiled when it is first needed: of some two hundred rules a change needs two or three.
type expression struct {
	text    string
	compile func() (*regexp.Regexp, error)
	mu      sync.Mutex
	paths   map[string]bool // what it said of paths: a push has the same ones in thousands of commits
}

// mostPaths are kept before all are forgotten.
const mostPaths = 10_000

// matchPath is match for the path of a file.
func (e *expression) matchPath(path string) (bool, error) {
	e.mu.Lock()
	hit, known := e.paths[path]
	e.mu.Unlock()
	if known {
		return hit, nil
	}
	hit, err := e.match(path)
	if err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.paths == nil || len(e.paths) >= mostPaths {
		e.paths = map[string]bool{}
	}
	e.paths[path] = hit
	return hit, nil
}

// lazily joins expressions by "or"; nil when there is none. Each stands in a group, so that its flags do not reach the next.
func lazily(all ...string) *expression {
	if len(all) == 0 || len(all) == 1 && all[0] == "" {
		return nil
	}
	text := all[0]
	if len(all) > 1 {
		text = "(?:" + strings.Join(all, ")|(?:") + ")"
	}
	return &expression{text: text, compile: sync.OnceValues(func() (*regexp.Regexp, error) {
		compiled, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("regular expression %.200q: %w", text, err)
		}
		return compiled, nil
	})}
}

func (e *expression) match(text string) (bool, error) {
	compiled, err := e.compile()
	if err != nil {
		return false, err
	}
	return compiled.MatchString(text), nil
}
