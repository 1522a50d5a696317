package check_test

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func look(t *testing.T, text string, target check.Target) good.Finding {
	t.Helper()
	s := spec(t, text)
	s.Timeout = config.Duration(20 * time.Second)
	return s.Run(t.Context(), "it", target)
}

// says holds a finding against what it must say; a text is looked for in all of it.
func says(t *testing.T, f good.Finding, v good.Verdict, texts ...string) {
	t.Helper()
	all := strings.Join([]string{f.Observed, f.Wanted, f.Detail, f.Hint}, "\n")
	if f.Verdict != v {
		t.Errorf("%s, want %s\n%s", f, v, f.Detail)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%q is not in:\n%s", text, all)
		}
	}
}
