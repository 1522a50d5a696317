package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const whole = `
x-env: &env {LANG: C, TZ: UTC}
services:
  web:
    name: Shop
    port: 8080
    strategy:
      canary: {steps: [1%, 0.5%, 100%], hold: 90s}
    env:
      <<: *env
      TZ: Europe/Berlin
      ZERO: 0644
      PRICE: ${no magic}
      DB: {secret: db}
    labels: {b: "1", a: yes}
    probes:
      - http: {url: /healthz, within: 300ms, body: {n: 1.50, list: [1, ~, true, x]}}
        timeout: 2s
      - every: 3s
        command: make test
      - command: [make, test]
    password: {secret: db}
    limits: {memory: 1GB}
    ratio: 1e3
    watch: 7d
  api:
    port: 81
    strategy: at-once
started: 2026-01-02T03:04:05Z
`

func parsed(t *testing.T, text string) root {
	t.Helper()
	var r root
	if err := Parse("goodstate.yaml", []byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAWholeFileIsReadIntoItsTypes(t *testing.T) {
	r := parsed(t, strings.Replace(whole, "1%, 0.5%, 100%", "0.5%, 1%, 100%", 1))
	if got := strings.Join(r.Services.Keys(), " "); got != "web api" {
		t.Errorf("services in the order of the file: %s", got)
	}
	web, _ := r.Services.Get("web")
	api, _ := r.Services.Get("api")
	var env []string
	for k, v := range web.Env.All() {
		env = append(env, k+"="+v.String())
	}
	for _, c := range []struct{ what, got, want string }{
		{"defaults of a section that is there in part", web.Limits.Memory.String(), "1GB"},
		{"a default beside it", strings.Repeat("x", web.Limits.Restart), "xxx"},
		{"defaults of an absent section", api.Limits.Memory.String(), "256MiB"},
		{"a default at the top", r.Data, "./data"},
		{"the environment", strings.Join(env, " "), "TZ=Europe/Berlin ZERO=0644 PRICE=${no magic} DB=(secret db) LANG=C"},
		{"an unquoted yes as text", web.Labels["a"], "yes"},
		{"a time", r.Started.Format(time.DateOnly), "2026-01-02"},
		{"a pointer", web.Watch.String(), "7d"},
		{"a member's name alone", api.Strategy.Name(), "at-once"},
		{"a key beside an inline member", web.Probes[0].Timeout.String(), "2s"},
		{"a default beside an inline member", web.Probes[0].Every.String(), "1s"},
		{"an inline member that is not the first key", web.Probes[1].Name(), "command"},
		{"an enum's default", web.Level, "info"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
	if web.Ratio != 1000 || api.Watch != nil {
		t.Errorf("ratio %v, watch %v", web.Ratio, api.Watch)
	}
}

func TestMembersAreBuiltFromTheirSettings(t *testing.T) {
	r := parsed(t, strings.Replace(whole, "1%, 0.5%, 100%", "0.5%, 1%, 100%", 1))
	web, _ := r.Services.Get("web")
	s, err := web.Strategy.New()
	if err != nil || s.Plan() != "canary [0.5% 1% 100%] hold 1m30s" {
		t.Errorf("strategy: %v, %v", s, err)
	}
	for i, want := range []string{"/healthz 200 300ms", "sh|-c|make test", "make|test"} {
		p, err := web.Probes[i].New()
		if err != nil || p.Probe() != want {
			t.Errorf("probe %d: %v, %v, want %s", i, p, err, want)
		}
	}
	first, _ := web.Probes[0].New()
	second, _ := web.Probes[0].New()
	if first == second {
		t.Error("New gave the same member twice")
	}
}

func TestAConfigurationIsRebuiltFromItsJSON(t *testing.T) {
	r := parsed(t, strings.Replace(whole, "1%, 0.5%, 100%", "0.5%, 1%, 100%", 1))
	stored, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again root
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, again) {
		t.Errorf("got  %#v\nwant %#v", again, r)
	}
	web, _ := again.Services.Get("web")
	p, err := web.Probes[0].New()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := func() (Probe, error) { w, _ := r.Services.Get("web"); return w.Probes[0].New() }()
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %#v, want %#v", p, want)
	}
	if Digest(r) != Digest(again) {
		t.Error("the digest changed on the way")
	}
}

func TestProblemsAreSaidWithLinePathAndTheNearestName(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown strategy", "services:\n  web:\n    port: 1\n    strategy: canery\n", `goodstate.yaml:4: services.web.strategy: unknown strategy "canery" (did you mean canary?)
      4 |     strategy: canery
        |               ^
   hint: one of at-once, canary, rolling`},
		{"an unknown key", "services:\n  web:\n    prot: 1\n    port: 1\n", `:3: services.web.prot: unknown key "prot" (did you mean port?)`},
		{"a key far from all", "services: {web: {port: 1}}\nzebra: 1\n", `:2: zebra: unknown key "zebra"` + "\n"},
		{"a key that stands twice", "services:\n  web:\n    port: 1\n    port: 2\n", `:4: services.web.port: key "port" stands here twice, first on line 3`},
		{"two keys swapped in a flow map", "services: {web: {port: 1, port: 2}}", `:1: services.web.port: key "port" stands here twice`},
		{"a missing key", "services:\n  web:\n    debug: true\n", ":2: services.web.port: is missing: where it listens\n      2 |   web:\n        |   ^\n   hint: for example port: 8080"},
		{"a missing root key", "data: x\n", ":1: services: is missing: what is released"},
		{"an empty map where one entry is wanted", "services: {}\n", ":1: services: must not be empty"},
		{"a key without a value", "services:\n  web:\n    port:\n", ":3: services.web.port: has no value"},
		{"yes for true", "services: {web: {port: 1, debug: yes}}\n", "services.web.debug: want true or false, not \"yes\"\n      1 | services: {web: {port: 1, debug: yes}}\n        |                                  ^\n   hint: say true"},
		{"off for false", "services: {web: {port: 1, debug: off}}\n", "hint: say false"},
		{"true in quotes", "services: {web: {port: 1, debug: 'true'}}\n", "hint: say true without quotes"},
		{"a number in quotes", "services: {web: {port: '80'}}\n", "want a whole number, not text"},
		{"an octal number", "services: {web: {port: 0644}}\n", `want a whole number, not "0644"`},
		{"a word for a number", "services: {web: {port: http}}\n", `want a whole number, not "http"`},
		{"a fraction for a whole number", "services: {web: {port: 1.5}}\n", `want a whole number, not "1.5"`},
		{"a number out of range", "services: {web: {port: 99999999999999999999}}\n", "is too large"},
		{"a duration without a unit", "services: {web: {port: 1, watch: 30}}\n", "a duration needs a unit: say 30s for seconds, not 30"},
		{"a duration that is none", "services: {web: {port: 1, watch: soon}}\n", `"soon" is not a duration`},
		{"a size without a unit", "services: {web: {port: 1, limits: {memory: 5}}}\n", "a size needs a unit"},
		{"a share without its sign", "services: {web: {port: 1, strategy: {canary: {steps: [5]}}}}\n", "services.web.strategy.canary.steps[0]: a share needs a percent sign: say 5%"},
		{"a word out of a list", "services: {web: {port: 1, level: warnin}}\n", `services.web.level: unknown level "warnin" (did you mean warning?)`},
		{"a list where a map is wanted", "services: [web]\n", "services: want a map of names, not a list"},
		{"text where a map is wanted", "services: {web: shop}\n", "services.web: want a map, not text"},
		{"text where a list is wanted", "services: {web: {port: 1, probes: http}}\n", "want a list, not text"},
		{"a map where text is wanted", "services:\n  web:\n    port: 1\n    name:\n      de: Laden\n", ":4: services.web.name: want text, not a map"},
		{"no member named inline", "services:\n  web:\n    port: 1\n    probes:\n      - timeout: 1s\n", ":5: services.web.probes[0]: no probe is named here\n      5 |       - timeout: 1s\n        |         ^\n   hint: one of command, http"},
		{"two members named inline", "services: {web: {port: 1, probes: [{http: /, command: x}]}}\n", "names both http and command, want exactly one probe"},
		{"a misspelt field beside a member", "services:\n  web:\n    port: 1\n    probes:\n      - command: x\n        timeot: 1s\n", `:6: services.web.probes[0].timeot: unknown key "timeot" (did you mean timeout?)`},
		{"a misspelt member inline", "services: {web: {port: 1, probes: [{htp: {url: /}}]}}\n", `services.web.probes[0]: unknown probe "htp" (did you mean http?)`},
		{"two members where one is wanted", "services: {web: {port: 1, strategy: {canary: , rolling: }}}\n", "names 2 things, want exactly one strategy"},
		{"a list where a member is wanted", "services: {web: {port: 1, strategy: [canary]}}\n", "want a strategy, not a list"},
		{"an unknown key in a member's settings", "services: {web: {port: 1, strategy: {canary: {hodl: 1m}}}}\n", `services.web.strategy.canary.hodl: unknown key "hodl" (did you mean hold?)`},
		{"settings for a member that has none", "services: {web: {port: 1, strategy: {at-once: {x: 1}}}}\n", "services.web.strategy.at-once: has no settings"},
		{"what a member's New refuses", "services: {web: {port: 1, strategy: {rolling: {batch: 0}}}}\n", "services.web.strategy.rolling: batch must be at least 1"},
		{"what a member's settings refuse, at the sub path", "services:\n  web:\n    port: 1\n    strategy:\n      canary:\n        steps:\n          - 5%\n          - 4%\n", ":8: services.web.strategy.canary.steps[1]: must be more than the step before"},
		{"a missing setting of a member", "services:\n  web:\n    port: 1\n    probes:\n      - http:\n", ":5: services.web.probes[0].http.url: is missing: what to ask"},
		{"what Validate refuses", "services:\n  web: {port: 22}\n", ":2: services.web: port 22 is for ssh\n      2 |   web: {port: 22}\n        |   ^\ngoodstate.yaml:2: services.web: and that is that"},
		{"a secret written out", "services:\n  web:\n    port: 1\n    password: hunter2\n", ":4: services.web.password: a secret is never written here\n      4 |     password: ********\n        |               ^\n   hint: say {secret: NAME}"},
		{"a secret's name with spaces", "services: {web: {port: 1, password: {secret: a b}}}\n", "a secret's name has only letters"},
		{"an unknown anchor", "data: *dta\nx-a: &data y\nservices: {w: {port: 1}}\n", `:1: data: unknown anchor "dta"`},
		{"a merge of text", "services: {web: {<<: x, port: 1}}\n", "<< wants a map"},
		{"a tag", "data: !!binary aGk=\nservices: {w: {port: 1}}\n", `has the tag "!!binary"`},
		{"a key that is an alias", "data: &a x\nservices: {*a : {port: 1}}\n", "has a key that is not plain text"},
		{"two documents", "data: x\n---\ndata: y\n", ":2: a second document starts here"},
		{"an empty file", "", "goodstate.yaml: is empty\n   hint: goodstate init"},
		{"only a comment", "# nothing\n", "is empty"},
		{"only a separator", "---\n", "is empty"},
		{"a list at the top", "- a\n", "want a map, not a list"},
		{"a tab", "services:\n\tweb: 1\n", ":2: is not valid YAML: a tab cannot indent"},
		{"a bracket that is not closed", "data: [a\n", ":1: is not valid YAML: "},
		{"bytes that are no text", "data: \xff\n", ":1: is not UTF-8 text"},
		{"a control character", "data: a\x01\n", "has the control character U+0001"},
		{"brackets without end", "data: " + strings.Repeat("[", 100000), "nested deeper than 64"},
		{"dashes without end", strings.Repeat("- ", 100000) + "x", "nested deeper than 64"},
		{"anchors without end", "a: [" + strings.Repeat("&x 1,", 2000) + "]", "has more than 1000 anchors"},
		{"empty entries without end", strings.Repeat("-\n", 100000), "has more than 1000 empty entries in a row"},
		{"a file that is far too large", strings.Repeat("#", maxFile+1), "is larger than 1MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r root
			err := Parse("goodstate.yaml", []byte(c.text), &r)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestAllProblemsComeAtOnceInLineOrder(t *testing.T) {
	var r root
	err := Parse("goodstate.yaml", []byte("dta: x\nservices:\n  b:\n    port: x\n    port: 2\n    strategy: {canary: {steps: [5, 6]}}\n  a: {port: 1, debug: on}\n"), &r)
	var all *Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v", err)
	}
	var lines []int
	for _, p := range all.Problems {
		lines = append(lines, p.Line)
	}
	if want := []int{1, 4, 5, 6, 6, 7}; !reflect.DeepEqual(lines, want) {
		t.Errorf("problems on lines %v, want %v:\n%v", lines, want, err)
	}
}

func TestAliasesOfAliasesStayHarmless(t *testing.T) {
	bomb := "x-a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'l'; c++ {
		before := string(c - 1)
		bomb += "x-" + string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+before+",", 9), ",") + "]\n"
	}
	for _, use := range []string{
		"services: {w: {port: 1, probes: [{http: {url: /, body: *k}}]}}\n",
		"services: {w: {port: 1, labels: *k}}\n",
		"services: {w: {port: 1, probes: *k}}\n",
	} {
		var r root
		if err := Parse("goodstate.yaml", []byte(bomb+use), &r); err == nil {
			t.Errorf("%s was taken", use)
		}
	}
	var merges strings.Builder
	merges.WriteString("x-0: &m0 {k0: 1}\n")
	for i := 1; i < 900; i++ {
		fmt.Fprintf(&merges, "x-%d: &m%d {", i, i)
		for k := range 10 {
			fmt.Fprintf(&merges, "k%d-%d: 1, ", i, k)
		}
		fmt.Fprintf(&merges, "<<: *m%d}\n", i-1)
	}
	var r root
	err := Parse("goodstate.yaml", []byte(merges.String()+"services: {w: {port: 1}}\n"), &r)
	if err == nil || !strings.Contains(err.Error(), errTooMuch.Error()) {
		t.Errorf("merges of merges: %v", err)
	}
}

func TestAFileIsLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "goodstate.yaml")
	if err := os.WriteFile(path, []byte("\xef\xbb\xbfservices:\r\n  web:\r\n    port: 80\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var r root
	if err := Load(path, &r); err != nil {
		t.Fatal(err)
	}
	if web, _ := r.Services.Get("web"); web.Port != 80 {
		t.Errorf("port %d", web.Port)
	}
	err := Load(filepath.Join(filepath.Dir(path), "none.yaml"), &r)
	if err == nil || !strings.Contains(err.Error(), "hint: goodstate init") {
		t.Errorf("a missing file: %v", err)
	}
	if err := Load(filepath.Dir(path), &r); err == nil {
		t.Error("a folder was taken for a file")
	}
}
