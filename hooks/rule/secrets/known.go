package secrets

import (
	"encoding/json"
	"fmt"
	"strings"
)

// known are findings that are accepted: fingerprints of a .gitleaksignore, and the report of an earlier search as a baseline.
type known struct {
	ignored  map[string]bool // path:rule:line, or commit:path:rule:line
	baseline map[string][]earlier
}

// earlier is what counts of a finding in a gitleaks report.
type earlier struct {
	RuleID    string
	File      string
	Commit    string
	Secret    string
	StartLine int
}

func (k *known) readIgnore(data []byte) {
	k.ignored = map[string]bool{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			k.ignored[strings.ReplaceAll(line, `\`, "/")] = true
		}
	}
}

func (k *known) readBaseline(name string, data []byte) error {
	var all []earlier
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("%s: read as a baseline, which is a report that gitleaks writes as JSON: %w", name, err)
	}
	k.baseline = map[string][]earlier{}
	for _, e := range all {
		k.baseline[e.File] = append(k.baseline[e.File], e)
	}
	return nil
}

// has tells whether a finding is accepted. In a report that was written with --redact the secret does not count.
func (k *known) has(p place, h hit) bool {
	print := fmt.Sprintf("%s:%s:%d", p.path, h.rule.id, h.line)
	if k.ignored[print] || p.commit != "" && k.ignored[p.commit+":"+print] {
		return true
	}
	for _, e := range k.baseline[p.path] {
		if e.RuleID == h.rule.id && e.StartLine == h.line && (e.Secret == h.secret || redacted(e.Secret)) && (e.Commit == "" || p.commit == "" || e.Commit == p.commit) {
			return true
		}
	}
	return false
}

func redacted(secret string) bool { return secret == "REDACTED" || strings.HasSuffix(secret, "...") }
