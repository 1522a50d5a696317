package secrets

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

func (r *Rule) findings(p place, text string) ([]rule.Finding, error) {
	hits, err := r.scanner.scan(p, text)
	if err != nil {
		return nil, fmt.Errorf("rule secrets: searching %q: %w", p.path, err)
	}
	var found []rule.Finding
	dropped := 0
	for _, h := range hits {
		switch {
		case r.scanner.known.has(p, h):
		case len(found) == most:
			dropped++
		default:
			found = append(found, rule.Finding{Rule: "secrets", Path: p.path, Line: h.line, Column: h.column, Message: h.message()})
		}
	}
	if dropped > 0 {
		found[most-1].Message += fmt.Sprintf("; and %d more in this file", dropped)
	}
	return found, nil
}

// most is how many secrets are reported of one file; the others are counted.
const most = 100

// message never has more of a secret than its first characters.
func (h hit) message() string {
	what := h.rule.what
	if what == "" {
		what = "secret"
	}
	if h.line == 0 {
		return fmt.Sprintf("the name is that of a file with secrets: %s (%s); keep it outside of the repository", what, h.rule.id)
	}
	runes := []rune(strings.Map(visible, h.secret))
	shown := string(runes[:min(4, len(runes)/3)])
	return fmt.Sprintf("%s: %s… of %d characters (%s); take it out, and revoke it if it was ever pushed; if it is none, write %s on its line",
		what, shown, len(runes), h.rule.id, marker)
}

func visible(c rune) rune {
	if c < ' ' || c == 0x7f {
		return '?'
	}
	return c
}
