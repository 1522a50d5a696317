package config

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse says what holds for any input: no panic, problems that can be printed and lie within the file, and a
// configuration that comes back from its JSON as it was.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		whole, "", "a", "- a", "services: {w: {port: 1}}", "services:\n  w:\n    port: 1\n    probes: [http, {command: [a]}]\n",
		"a: &a [*a]", "<<: *x", "? a\n: b", "%YAML 1.1\n---\na: b", "a: |\n  b\n c", "a: >-\n\n  b", "'", "\"\\x", "{", "[", "!!str", "&a", "*a", "a: b: c",
		"services: {w: {port: 1, env: {A: {secret: b}}, labels: {x: ~}}}", "services:\n w: &w\n  port: 0x10\n v:\n  <<: [*w, *w]\n", "\t", "\xff", "# é\na: ü\n",
		"---\n...\n---\n", "a: !<tag:x> b", "services: {w: {port: 1, password: 'x'}}", "a: \r b", "services: {w: {port: 1, watch: 1d, limits: }}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		var r root
		err := Parse("goodstate.yaml", data, &r)
		if err != nil {
			var all *Errors
			if !errors.As(err, &all) || len(all.Problems) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			if !utf8.ValidString(err.Error()) {
				t.Fatalf("%q", err.Error())
			}
			for _, p := range all.Problems {
				if p.Line > strings.Count(string(data), "\n")+1 {
					t.Fatalf("line %d of %q: %v", p.Line, data, err)
				}
			}
			return
		}
		stored, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again root
		if err := json.Unmarshal(stored, &again); err != nil {
			t.Fatal(err)
		}
		restored, err := json.Marshal(again)
		if err != nil || string(restored) != string(stored) {
			t.Fatalf("%v\n%s\n%s", err, stored, restored)
		}
		for _, s := range again.Services.All() {
			if _, err := s.Strategy.New(); err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Probes {
				if member, err := p.New(); err != nil || reflect.ValueOf(member).IsNil() {
					t.Fatal(err)
				}
			}
		}
	})
}
