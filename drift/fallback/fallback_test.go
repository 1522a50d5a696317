package fallback_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/drift/fallback"
	"goodstate.dev/goodstate/internal/real"
)

// playbook makes a folder with files as beside a playbook.
func playbook(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// here is this machine as a host, with a folder of its own for the agent.
func here(t *testing.T) *agent.Host {
	t.Helper()
	h := agent.NewHost(agent.Login{Local: true, Folders: []string{filepath.Join(t.TempDir(), "agent")}})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func run(t *testing.T, a *fallback.Ansible, h *agent.Host, name string, args map[string]any, change ...func(*agent.Call)) map[string]any {
	t.Helper()
	raw, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	call := agent.Call{Module: name, Args: raw}
	for _, c := range change {
		c(&call)
	}
	if err := a.Call(t.Context(), name, "", &call); err != nil {
		t.Fatal(err)
	}
	answer, err := h.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]any{}
	if err := json.Unmarshal(answer, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

const ownModule = `#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.greeting import (
    greet,
    LOUD as loud,
)
import os, sys


def main():
    module = AnsibleModule(argument_spec=dict(name=dict(required=True), secret=dict(no_log=True)), supports_check_mode=True)
    print("noise before")
    module.exit_json(changed=not module.check_mode, said=greet(module.params["name"]) + loud, tmp=module.tmpdir, pid=os.getppid(),
                     env=os.environ.get("WORD"), secret=module.params["secret"])


if __name__ == "__main__":
    main()
`

func TestAModuleOfALibraryFolderRunsWithWhatItImports(t *testing.T) {
	if real.Need(t, "ansible-playbook") == "" {
		return
	}
	dir := playbook(t, map[string]string{
		"library/hello.py":                          ownModule,
		"roles/x/module_utils/greeting/__init__.py": "from .words import HELLO\nLOUD = '!'\n\n\ndef greet(name):\n    return HELLO + ' ' + name\n",
		"roles/x/module_utils/greeting/words.py":    "HELLO = 'hello'\n",
	})
	a, h := fallback.New(fallback.Options{Bases: []string{dir}}), here(t)
	got := run(t, a, h, "hello", map[string]any{"name": "wörld", "secret": "sesame"}, func(c *agent.Call) { c.Env = map[string]string{"WORD": "x"} })
	if got["said"] != "hello wörld!" || got["changed"] != true || got["env"] != "x" {
		t.Errorf("%v, want hello wörld!", got)
	}
	if text, _ := json.Marshal(got); strings.Contains(string(text), "sesame") {
		t.Errorf("%s has the secret", text)
	}
	again := run(t, a, h, "hello", map[string]any{"name": "x"}, func(c *agent.Call) { c.Check = true })
	if again["changed"] != false || again["pid"] != got["pid"] {
		t.Errorf("%v, want check mode, and the interpreter %v again", again, got["pid"])
	}
	if bad := run(t, a, h, "hello", map[string]any{"nam": "x"}); bad["failed"] != true || !strings.Contains(bad["msg"].(string), "missing required arguments: name") {
		t.Errorf("%v, want the module's own refusal", bad)
	}
	if used := a.Used(); used["hello"] != 3 {
		t.Errorf("%v, want that hello was run 3 times", used)
	}
}

func TestModulesThatArePrograms(t *testing.T) {
	dir := playbook(t, map[string]string{
		"library/words.sh":  "#!/bin/sh\n. \"$1\"\necho \"{\\\"changed\\\": true, \\\"word\\\": \\\"$word\\\"}\"\n",
		"library/crash.sh":  "#!/bin/sh\necho oops >&2\nexit 3\n",
		"library/asjson.sh": "#!/bin/sh\n# WANT_JSON\nprintf '{\"got\": '; cat \"$1\"; echo '}'\n",
	})
	a, h := fallback.New(fallback.Options{Bases: []string{dir}}), here(t)
	if got := run(t, a, h, "words", map[string]any{"word": "it's"}); got["word"] != "it's" {
		t.Errorf("%v, want the word", got)
	}
	if got := run(t, a, h, "crash", nil); got["failed"] != true || got["rc"] != float64(3) || !strings.Contains(got["module_stderr"].(string), "oops") {
		t.Errorf("%v, want a failure with what it said", got)
	}
	got := run(t, a, h, "asjson", map[string]any{"word": "x"})
	if inner, _ := got["got"].(map[string]any); inner["word"] != "x" {
		t.Errorf("%v, want the arguments as JSON", got)
	}
}

func TestModulesOfInstalledCollectionsRun(t *testing.T) {
	if real.Need(t, "ansible-community", "ansible-community") == "" {
		return
	}
	a, h := fallback.New(fallback.Options{}), here(t)
	xml := filepath.Join(t.TempDir(), "settings.toml")
	got := run(t, a, h, "community.general.xattr", map[string]any{"path": "/etc/hostname"})
	if got["failed"] == true && !strings.Contains(got["msg"].(string), "getfattr") {
		t.Errorf("community.general.xattr: %v", got)
	}
	got = run(t, a, h, "community.general.ini_file", map[string]any{"path": xml, "section": "a", "option": "b", "value": "c"})
	if got["changed"] != true {
		t.Errorf("community.general.ini_file: %v", got)
	}
	got = run(t, a, h, "archive", map[string]any{"path": "/etc/hostname", "dest": filepath.Join(t.TempDir(), "x.tgz")}) // it has moved to a collection
	if got["changed"] != true {
		t.Errorf("archive: %v", got)
	}
	if _, err := a.Find("community.nothing.here"); err == nil || !strings.Contains(err.Error(), "ansible-galaxy") {
		t.Errorf("%v, want that the collection is not installed", err)
	}
	if a.Knows("no_such_module") || !a.Knows("community.general.archive") || !a.Knows("ping") {
		t.Error("what is known is not what is there")
	}
}

func TestAHostWithoutPythonIsTold(t *testing.T) {
	dir := playbook(t, map[string]string{"library/hello.py": ownModule, "module_utils/greeting.py": "LOUD = ''\n"})
	a, h := fallback.New(fallback.Options{Bases: []string{dir}}), here(t)
	call := agent.Call{Module: "hello", Args: json.RawMessage(`{"name": "x"}`)}
	if err := a.Call(t.Context(), "hello", "/nonexistent/python3", &call); err != nil {
		t.Fatal(err)
	}
	raw, err := h.Do(t.Context(), call)
	if err != nil || !strings.Contains(string(raw), "no Python on the host") || !strings.Contains(string(raw), "/nonexistent/python3") {
		t.Errorf("%s %v, want that there is no Python", raw, err)
	}
}

// Filters, tests and lookups beside a playbook and in its roles are found by the names that they have there.
func TestPluginsBesidePlaybooksAreCalled(t *testing.T) {
	dir := playbook(t, map[string]string{
		"filter_plugins/shout.py":         "class FilterModule:\n    def filters(self):\n        return {'shout': lambda text, n=1: text.upper() + '!' * n}\n",
		"roles/loud/test_plugins/loud.py": "class TestModule:\n    def tests(self):\n        return {'loud': lambda text: text.isupper()}\n",
		"lookup_plugins/twice.py":         "from ansible.plugins.lookup import LookupBase\nclass LookupModule(LookupBase):\n    def run(self, terms, variables=None, **kwargs):\n        return terms + terms\n",
	})
	a := fallback.New(fallback.Options{Bases: []string{dir}})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		kind, name string
		args       []any
		want       string
	}{
		{"filter", "shout", []any{"a", int64(2)}, "A!!"},
		{"test", "loud", []any{"A"}, "True"},
		{"lookup", "twice", []any{"x"}, "['x', 'x']"},
	} {
		call, ok := a.Plugin(c.kind, c.name)
		if !ok {
			t.Errorf("the %s %s is not found", c.kind, c.name)
			continue
		}
		if got, err := call(t.Context(), c.args, nil); err != nil || py.Str(got) != c.want {
			t.Errorf("%s %s: %v %v, want %s", c.kind, c.name, got, err, c.want)
		}
	}
}

func TestPluginsOfInstalledCollectionsAreCalled(t *testing.T) {
	if real.Need(t, "ansible-community", "ansible-community") == "" {
		return
	}
	a := fallback.New(fallback.Options{})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	dict, ok := a.Plugin("filter", "community.general.dict")
	if !ok {
		t.Fatal("the filter community.general.dict is not found")
	}
	got, err := dict(t.Context(), []any{py.NewList(py.NewList("a", int64(1)))}, nil)
	if d, isDict := got.(*py.Dict); err != nil || !isDict || d.Len() != 1 {
		t.Errorf("%v %v, want {a: 1}", got, err)
	}
	if _, err := dict(t.Context(), []any{int64(5)}, nil); err == nil {
		t.Error("a wrong value was taken")
	}
	lookup, ok := a.Plugin("lookup", "community.general.random_string")
	if !ok {
		t.Fatal("the lookup is not found")
	}
	if got, err := lookup(t.Context(), nil, py.DictOf("length", int64(9))); err != nil || len(got.(*py.List).Items) != 1 {
		t.Errorf("%v %v, want one text", got, err)
	}
	if _, ok := a.Plugin("filter", "no_such_filter"); ok {
		t.Error("a filter that is not there was found")
	}
}
