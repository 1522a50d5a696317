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
	return &expression{text, sync.OnceValues(func() (*regexp.Regexp, error) {
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
