package moduletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/drift/module"
)

// Scenario is one thing that a module is used for.
type Scenario struct {
	Module string
	Name   string
	Setup  string         // a script that runs in both roots first
	Args   map[string]any // nil leaves only the setup
	Env    map[string]string
	Dir    string
	// Again says that a second run changes something again, as commands do.
	Again bool
	// Blind says that check mode cannot tell.
	Blind bool
	// Ignore are keys of the result, as dotted paths, whose values may differ; Paths are files that may.
	Ignore []string
	Paths  string
	// IgnoreCheck are those of check mode only: there Ansible says less than it would do.
	IgnoreCheck []string
	// ChecksMore says that Ansible's module skips in check mode, and ours does not.
	ChecksMore bool
	// Only leaves Ansible out: what it does differs for a reason that Why tells.
	Only bool
	Why  string
	// Verify runs in both roots afterwards; what it prints must be equal.
	Verify string
	// Sort is a list in the result whose order means nothing.
	Sort string
	// Facts compares ansible_facts too.
	Facts bool
	Slow  bool // only where E2E_ALL is set
}

// allowed are the keys that may differ in any module, with the reason.
var allowed = map[string]string{
	"invocation":      "it holds the options of the version of Ansible that is installed",
	"hint":            "ours only: the option with the nearest name",
	"exception":       "a traceback of Python",
	"ansible_facts":   "compared by the module that gathers them",
	"warnings":        "compared only in words of the scenarios that are about them",
	"deprecations":    "of the version of Ansible that is installed",
	"module_stderr":   "of Python",
	"_ansible_parsed": "of Ansible",
	"stdout_lines":    "the controller adds it",
	"stderr_lines":    "the controller adds it",
	"start":           "a time",
	"end":             "a time",
	"delta":           "a time",
	"backup":          "its name has the time and a process id",
	"backup_file":     "its name has the time and a process id",
}

// Pair is two equal roots.
type Pair struct {
	ours, ansible *Root
	// Server is the address of a web server, for http://SERVER in arguments.
	Server string
}

// addressed puts the server's address into arguments.
func (p *Pair) addressed(v any) any {
	switch x := v.(type) {
	case string:
		return strings.ReplaceAll(x, "http://SERVER", p.Server)
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = p.addressed(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			out[k] = p.addressed(item)
		}
		return out
	}
	return v
}

// NewPair starts two roots.
func NewPair(t testing.TB, alone bool) *Pair {
	t.Helper()
	return &Pair{ours: NewRoot(t, alone), ansible: NewRoot(t, alone)}
}

// Run judges one scenario: checked, applied and applied again, by us and by Ansible.
func (p *Pair) Run(t *testing.T, s Scenario) {
	t.Helper()
	for _, r := range []*Root{p.ours, p.ansible} {
		r.t = t
		r.Fresh()
		r.Sh(s.Setup)
	}
	kind, ok := module.Find(s.Module)
	if !ok {
		t.Fatalf("no module %s", s.Module)
	}
	args, _ := p.addressed(s.Args).(map[string]any)
	call := Call{Module: s.Module, Args: args, Env: s.Env, Dir: s.Dir, Diff: true}
	before := p.ours.Tree()
	call.Check = true
	checked := p.step(t, s, "check", call)
	if err := before.Difference(p.ours.Tree(), nil); err != nil {
		t.Errorf("check mode changed:\n%v", err)
	}
	call.Check = false
	applied := p.step(t, s, "apply", call)
	if !s.Blind && kind.Check != module.CheckNone {
		if checked["changed"] != applied["changed"] && applied["failed"] == nil {
			t.Errorf("check mode predicted changed=%v, but it was %v", checked["changed"], applied["changed"])
		}
		if kind.Diff && applied["failed"] == nil && !s.ignores("diff") && !reflect.DeepEqual(checked["diff"], applied["diff"]) {
			t.Errorf("check mode predicted the diff\n%s\nbut it was\n%s", show(checked["diff"]), show(applied["diff"]))
		}
	}
	p.trees(t, s)
	if applied["failed"] != nil || s.Again && s.Only {
		return
	}
	again := p.step(t, s, "again", call)
	if again["changed"] == true && !s.Again {
		t.Errorf("the second run changed something: %s", show(again))
	}
	p.trees(t, s)
}

func (s Scenario) ignores(key string) bool { return slices.Contains(s.Ignore, key) }

func (p *Pair) step(t *testing.T, s Scenario, what string, call Call) map[string]any {
	t.Helper()
	ours := p.ours.Ours(call)
	if s.Only {
		return ours
	}
	if s.ChecksMore && call.Check {
		return ours
	}
	theirs := p.ansible.Ansible(call)
	ignore := s.Ignore
	if call.Check {
		ignore = append(slices.Clone(ignore), s.IgnoreCheck...)
	}
	for _, r := range []map[string]any{theirs, ours} {
		sortList(r, s.Sort)
		if s.Facts {
			r["facts"] = r["ansible_facts"]
		}
	}
	if call.Check && theirs["failed"] == nil { // there we may say more than Ansible
		for key := range ours {
			if _, said := theirs[key]; !said && key != "failed" && key != "changed" && key != "skipped" {
				ignore = append(ignore, key)
			}
		}
	}
	for _, line := range Compare(theirs, ours, ignore) {
		t.Errorf("%s: %s", what, line)
	}
	if t.Failed() && os.Getenv("MODULETEST_SHOW") != "" {
		t.Logf("%s: ansible %s\nours %s", what, show(theirs), show(ours))
	}
	return ours
}

// moving are the fields of a file that two equal roots do not share.
var moving = []string{"atime", "mtime", "ctime", "inode", "dev", "blocks"}

func sortList(r map[string]any, key string) {
	list, ok := r[key].([]any)
	if !ok {
		return
	}
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			for _, k := range moving {
				delete(m, k)
			}
		}
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(show(a), show(b)) })
}

func (p *Pair) trees(t *testing.T, s Scenario) {
	t.Helper()
	if s.Only {
		return
	}
	var ignore *regexp.Regexp
	if s.Paths != "" {
		ignore = regexp.MustCompile(s.Paths)
	}
	if err := p.ansible.Tree().Difference(p.ours.Tree(), ignore); err != nil {
		t.Errorf("the file trees differ (Ansible's, ours):\n%v", err)
	}
	if a, o := p.ansible.Sh(s.Verify), p.ours.Sh(s.Verify); a != o {
		t.Errorf("%s says\n%s\nwith Ansible, and with us\n%s", s.Verify, a, o)
	}
}

// Compare lists the keys in which two results differ.
func Compare(theirs, ours map[string]any, ignore []string) []string {
	a, b := flatten(theirs), flatten(ours)
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if allowed[first(k)] != "" || slices.ContainsFunc(ignore, func(i string) bool { return k == i || strings.HasPrefix(k, i+".") }) {
			continue
		}
		if k == "changed" && (a[k] == nil && b[k] == false) {
			continue // the controller adds it
		}
		av, aok := a[k]
		bv, bok := b[k]
		av, bv = truths(av), truths(bv)
		if aok != bok || !reflect.DeepEqual(av, bv) {
			lines = append(lines, fmt.Sprintf("%s: Ansible %s, we %s", k, shown(av, aok), shown(bv, bok)))
		}
	}
	return lines
}

// truths drops the list of valid truths at the end of a message: its order is another one in every run of Python.
func truths(v any) any {
	if text, ok := v.(string); ok {
		text, _, _ = strings.Cut(text, "Valid booleans include:")
		return text
	}
	return v
}

func shown(v any, there bool) string {
	if !there {
		return "has none"
	}
	return show(v)
}

func first(key string) string {
	key, _, _ = strings.Cut(key, ".")
	return key
}

// flatten makes a.b.0.c of nested values.
func flatten(v map[string]any) map[string]any {
	out := map[string]any{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, item := range x {
				walk(prefix+"."+k, item)
			}
			if len(x) == 0 {
				out[strings.TrimPrefix(prefix, ".")] = "{}"
			}
		case []any:
			for i, item := range x {
				walk(fmt.Sprintf("%s.%d", prefix, i), item)
			}
			if len(x) == 0 {
				out[strings.TrimPrefix(prefix, ".")] = "[]"
			}
		default:
			out[strings.TrimPrefix(prefix, ".")] = x
		}
	}
	walk("", v)
	return out
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
