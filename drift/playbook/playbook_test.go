package playbook

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

func TestArgumentsAreSplitAsAnsibleSplitsThem(t *testing.T) {
	for line, want := range map[string][]string{
		`a=b c="foo bar"`:                {"a=b", `c="foo bar"`},
		`echo {{ a b }} x`:               {"echo", "{{ a b }}", "x"},
		"one \\\n two":                   {"one", "two"},
		"one\ntwo":                       {"one\n", "two"},
		`a='it''s' "b c"`:                {`a='it''s'`, `"b c"`},
		"src={{ x | default('a b') }} y": {"src={{ x | default('a b') }}", "y"},
		`a  b`:                           {"a ", "b"},
	} {
		got, err := SplitArgs(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
	for _, bad := range []string{`a="b`, `{{ a`, `{% a`} {
		if got, err := SplitArgs(bad); err == nil {
			t.Errorf("%q is %q", bad, got)
		}
	}
}

func TestKeyValuesLeaveTheRest(t *testing.T) {
	for _, c := range []struct {
		line string
		free bool
		want string
	}{
		{`src=a dest="b c" mode=0644`, false, `{"src":"a","dest":"b c","mode":"0644"}`},
		{`echo a=b chdir=/tmp creates='x y'`, true, `{"chdir":"/tmp","creates":"x y","_raw_params":"echo a=b"}`},
		{`a\=b c=d`, false, `{"c":"d","_raw_params":"a=b"}`},
		{`msg="line\nnext"`, false, `{"msg":"line\nnext"}`},
	} {
		got, err := KeyValues(c.line, c.free)
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		if text, _ := py.ToJSON(got); string(text) != c.want {
			t.Errorf("%q: %s, want %s", c.line, text, c.want)
		}
	}
}

func FuzzSplittingEnds(f *testing.F) {
	for _, s := range []string{"a=b 'c", "{{ {{ }}", "\\\n \\", "a  =", ""} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, line string) {
		_, _ = SplitArgs(line)
		_, _ = KeyValues(line, true)
	})
}

func load(t *testing.T, files map[string]string) (*Playbook, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := &Loader{
		Extra: py.NewDict(), Template: func(v any, _ ...*py.Dict) (any, error) { return v, nil },
		Knows: func(name string) bool { return name == "debug" || name == "command" },
		Node: func(path string) (*yaml11.Node, error) {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			return yaml11.LoadNode(path, text, yaml11.Options{})
		},
	}
	return l.Load(filepath.Join(dir, "site.yml"))
}

func TestAWrongPlaybookIsRefusedWithThePlace(t *testing.T) {
	task := func(text string) string { return "- hosts: all\n  tasks:\n    - " + text + "\n" }
	for _, c := range []struct{ play, want, place string }{
		{task("debug: {msg: x}\n      whn: y"), "conflicting action statements: debug, whn", "line 3, column 7"},
		{task("nosuch: {a: 1}"), "couldn't resolve module/action 'nosuch'", "line 3, column 7"},
		{task("name: nothing"), "no module/action detected in task.", "line 3, column 7"},
		{task("debug: some words"), "this task 'debug' has extra params", "line 3, column 7"},
		{task("block: []\n      nope: 1"), "'nope' is not a valid attribute for a Block", "line 3, column 7"},
		{task("debug: {}\n      loop_control: {lop_var: x}"), "'lop_var' is not a valid attribute for a LoopControl", "line 4"},
		{"- hosts: all\n  task: []\n", "'task' is not a valid attribute for a Play", "line 1, column 3"},
		{"- hosts: []\n", "Hosts list cannot be empty", "line 1, column 3"},
		{"a: b\n", "A playbook must be a list of plays", "line 1, column 1"},
		{task("debug: {}\n      vars: {not-a-name: 1}"), "'not-a-name' is not a valid variable name", "line 4"},
		{task("include_tasks: {file: x, nope: 1}"), "Invalid options for include_tasks: nope", "line 3"},
	} {
		_, err := load(t, map[string]string{"site.yml": c.play})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.place) {
			t.Errorf("%s: %v\nwant %s at %s", c.play, err, c.want, c.place)
		}
	}
}

func TestKeywordsComeFromAround(t *testing.T) {
	pb, err := load(t, map[string]string{
		"site.yml": "- hosts: all\n  become: true\n  tags: [p]\n  roles: [{role: r, when: rw, tags: rt}]\n  tasks:\n    - when: bw\n      tags: b\n      become: false\n      block:\n        - {debug: {}, when: tw, tags: [t]}\n    - import_tasks: more.yml\n      when: iw\n",
		"more.yml": "- debug: {}\n", "roles/r/tasks/main.yml": "- debug: {}\n  when: mine\n", "roles/r/meta/main.yml": "dependencies: [d]\n", "roles/d/tasks/main.yml": "- command: x\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	play := pb.Plays[0]
	tasks := Tasks(play.Tasks)
	if got := py.Repr(py.NewList(tasks[0].When...)); got != "['bw', 'tw']" || tasks[0].Become != false {
		t.Errorf("when %s become %v", got, tasks[0].Become)
	}
	if got := TagsOf(tasks[0].Tags); !slices.Equal(got, []string{"t", "b", "p"}) {
		t.Errorf("tags %v", got)
	}
	if got := py.Repr(py.NewList(tasks[1].When...)); got != "['iw']" || tasks[1].Become != true {
		t.Errorf("imported: when %s become %v", got, tasks[1].Become)
	}
	roles := Tasks(play.RoleTasks)
	if roles[0].Role.Name != "d" || py.Repr(py.NewList(roles[0].When...)) != "['rw']" {
		t.Errorf("dependency %s when %v", roles[0].Role.Name, roles[0].When)
	}
	if got := py.Repr(py.NewList(roles[2].When...)); got != "['rw', 'mine']" {
		t.Errorf("role: when %s", got)
	}
}

func TestTagsChoose(t *testing.T) {
	for _, c := range []struct {
		only, skip, tags []string
		want             bool
	}{
		{nil, nil, nil, true}, {[]string{"a"}, nil, nil, false}, {[]string{"a"}, nil, []string{"a"}, true}, {[]string{"a"}, nil, []string{"always"}, true},
		{nil, nil, []string{"never"}, false}, {[]string{"never"}, nil, []string{"never"}, true}, {[]string{"x"}, nil, []string{"never", "x"}, true},
		{[]string{"tagged"}, nil, nil, false}, {[]string{"tagged"}, nil, []string{"a"}, true}, {[]string{"untagged"}, nil, nil, true}, {[]string{"untagged"}, nil, []string{"a"}, false},
		{nil, []string{"a"}, []string{"a", "b"}, false}, {nil, []string{"all"}, []string{"always"}, true}, {nil, []string{"always"}, []string{"always"}, false},
		{nil, []string{"tagged"}, []string{"a"}, false}, {nil, []string{"tagged"}, nil, true}, {[]string{"all"}, []string{"untagged"}, nil, false},
	} {
		if got := (Selection{c.only, c.skip}).Runs(c.tags); got != c.want {
			t.Errorf("only %v skip %v tags %v: %v", c.only, c.skip, c.tags, got)
		}
	}
}
