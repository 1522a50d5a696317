// Package checktest is what every member of the family of checks must keep: its example is right, it survives the journal,
// it sees a good target and a bad one, it obeys its timeout, and an interrupted look says nothing about the target.
package checktest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// SecretValue is what Look gives a check for every secret; it must be in no finding.
const SecretValue = "correct-horse-battery"

// Look is settings as the file would say them, and what they are used on. A nil Settings is the name alone.
type Look struct {
	Settings any
	Target   check.Target
}

// Member is one kind of check with a target that is fine, one that is not, and one that never answers.
type Member struct {
	Kind             string
	Good, Bad, Never Look
	Apart            bool // it asks something apart from the target, whose silence says nothing: unknown and not failed
}

// Run holds the members against the contract, and fails for a registered kind that is none of them.
func Run(t *testing.T, members ...Member) {
	t.Helper()
	known := map[string]Member{}
	for _, m := range members {
		known[m.Kind] = m
	}
	for _, k := range config.Kinds[check.Check]() {
		m, ok := known[k.Name]
		if !ok {
			t.Errorf("check %s is registered and not tried by the conformance suite", k.Name)
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Run("its example stands in a file", func(t *testing.T) { example(t, k) })
			t.Run("a good target passes", func(t *testing.T) { m.passes(t) })
			t.Run("a bad target fails", func(t *testing.T) { m.fails(t) })
			t.Run("what never answers is given up in time", func(t *testing.T) { m.timesOut(t) })
			t.Run("an interrupted look is unknown", func(t *testing.T) { m.interrupted(t) })
		})
	}
}

func example(t *testing.T, k config.Kind[check.Check]) {
	var file struct {
		Check check.Spec `yaml:"check"`
	}
	text := "check:\n  " + strings.ReplaceAll(strings.TrimSpace(k.Example), "\n", "\n  ") + "\n"
	if err := config.Parse("example.yaml", []byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if file.Check.Name() != k.Name || k.Help == "" {
		t.Errorf("the example names %q and the help is %q, want the kind %s and a line of help", file.Check.Name(), k.Help, k.Name)
	}
	kept, err := json.Marshal(file.Check)
	if err != nil {
		t.Fatal(err)
	}
	var again check.Spec
	if err := json.Unmarshal(kept, &again); err != nil {
		t.Fatal(err)
	}
	if twice, err := json.Marshal(again); err != nil || string(twice) != string(kept) {
		t.Errorf("kept as %s, and read back as %s (%v)", kept, twice, err)
	}
	if _, err := again.New(); err != nil {
		t.Errorf("cannot be built from what was kept: %v", err)
	}
}

// Spec is the look as a check of the configuration.
func (m Member) Spec(t *testing.T, l Look, timeout time.Duration) check.Spec {
	t.Helper()
	chosen, err := config.Choose[check.Check](m.Kind, l.Settings)
	if err != nil {
		t.Fatal(err)
	}
	return check.Spec{Choice: chosen, Timeout: config.Duration(timeout)}
}

func (m Member) look(t *testing.T, ctx context.Context, l Look, timeout time.Duration) good.Finding {
	t.Helper()
	target := l.Target
	target.Release = "v7"
	if target.Secret == nil {
		target.Secret = func(context.Context, string) (string, error) { return SecretValue, nil }
	}
	f := m.Spec(t, l, timeout).Run(ctx, "the check", target)
	if f.Check != "the check" || f.Release != "v7" || f.At.IsZero() || f.Took <= 0 {
		t.Errorf("the finding is not filled: %+v", f)
	}
	if f.Observed == "" || f.Verdict != good.Pass && f.Wanted == "" {
		t.Errorf("the finding does not say what was seen and wanted: %+v", f)
	}
	if all, err := json.Marshal(f); err != nil || strings.Contains(string(all), SecretValue) {
		t.Errorf("the finding has a secret in it: %s (%v)", all, err)
	}
	return f
}

func (m Member) passes(t *testing.T) {
	if f := m.look(t, t.Context(), m.Good, 20*time.Second); f.Verdict != good.Pass {
		t.Errorf("%s\n%s", f, f.Detail)
	}
}

func (m Member) fails(t *testing.T) {
	if f := m.look(t, t.Context(), m.Bad, 20*time.Second); f.Verdict != good.Fail {
		t.Errorf("%s\n%s", f, f.Detail)
	}
}

func (m Member) timesOut(t *testing.T) {
	f := m.look(t, t.Context(), m.Never, 300*time.Millisecond)
	want := good.Fail
	if m.Apart {
		want = good.Unknown
	}
	if f.Verdict != want || f.Took < 250*time.Millisecond || f.Took > 4*time.Second {
		t.Errorf("after %s: %s, want %s after 300ms", f.Took, f, want)
	}
}

func (m Member) interrupted(t *testing.T) {
	before, cancel := context.WithCancel(t.Context())
	cancel()
	if f := m.look(t, before, m.Good, time.Minute); f.Verdict != good.Unknown {
		t.Errorf("cancelled before: %s", f)
	}
	during, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(200*time.Millisecond, cancel)
	defer timer.Stop()
	defer cancel()
	if f := m.look(t, during, m.Never, time.Minute); f.Verdict != good.Unknown || f.Took > 4*time.Second {
		t.Errorf("cancelled after 200ms, ended after %s: %s", f.Took, f)
	}
}
