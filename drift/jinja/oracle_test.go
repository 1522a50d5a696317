package jinja

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

// oracle is Ansible's own templar in a process of its own.
type oracle struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Scanner
}

type answer struct {
	Value   string `json:"value"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

func startOracle(t testing.TB) *oracle {
	t.Helper()
	data, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", filepath.Join(data, "oracle.py"), data, filepath.Join(data, "vars.yml"))
	cmd.Env = append(os.Environ(), "ANSIBLE_HOME="+t.TempDir(), "ANSIBLE_CONFIG="+filepath.Join(data, "ansible.cfg"), "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("python3 with ansible-core (apt-get install ansible-core): %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	s := bufio.NewScanner(out)
	s.Buffer(nil, 64<<20)
	return &oracle{in: in, out: s}
}

func (o *oracle) ask(t testing.TB, kind, text string) answer {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	job, err := json.Marshal(map[string]any{"kind": kind, "text": text})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(job, '\n')); err != nil {
		t.Fatal(err)
	}
	if !o.out.Scan() {
		t.Fatalf("the oracle ended at %q: %v", text, o.out.Err())
	}
	var a answer
	if err := json.Unmarshal(o.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// sample has the variables of testdata/vars.yml.
func sample(t testing.TB) Vars {
	t.Helper()
	data, err := os.ReadFile("testdata/vars.yml")
	if err != nil {
		t.Fatal(err)
	}
	v, err := yaml11.Load("vars.yml", data, yaml11.Options{})
	if err != nil {
		t.Fatal(err)
	}
	vars := Vars{"unsafe": py.Unsafe("{{ nope }}")}
	for k, item := range v.(*py.Dict).All() {
		vars[k.(string)] = item
	}
	result, err := py.FromJSON([]byte(`{"changed":true,"rc":0,"stdout":"ok {{ x }}","stdout_lines":["a","b"],"failed":false}`), true)
	if err != nil {
		t.Fatal(err)
	}
	vars["result"] = py.MarkUnsafe(result)
	return vars
}

// show writes a value with its types, as the oracle does.
func show(v any) string {
	var b strings.Builder
	switch x := v.(type) {
	case py.Unsafe:
		return "u" + py.Repr(string(x))
	case py.Native:
		if x.Unsafe {
			return "un" + py.Repr(x.Text)
		}
		return "n" + py.Repr(x.Text)
	case *py.Dict:
		b.WriteByte('{')
		for i, k := range x.Keys() {
			if i > 0 {
				b.WriteString(", ")
			}
			item, _ := x.Get(k)
			b.WriteString(show(k) + ": " + show(item))
		}
		return b.String() + "}"
	case py.Tuple:
		b.WriteByte('(')
		for _, item := range x {
			b.WriteString(show(item) + ", ")
		}
		return b.String() + ")"
	case *py.List:
		b.WriteByte('[')
		for i, item := range x.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(show(item))
		}
		return b.String() + "]"
	}
	return py.Repr(v)
}

func testEnv(t testing.TB) *Env {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Dir: dir, Search: func(kind, name string) (string, error) {
		if filepath.IsAbs(name) {
			return name, nil
		}
		for _, d := range []string{"tpl", kind, "."} {
			path := filepath.Join(dir, d, name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		return "", os.ErrNotExist
	}})
}

// ours evaluates as the oracle does.
func ours(env *Env, vars Vars, kind, text string) answer {
	ctx := context.Background()
	var v any
	var err error
	switch kind {
	case "condition":
		v, err = env.Condition(ctx, text, vars)
	case "text":
		v, err = env.Text(ctx, text, vars, TextOptions{})
	default:
		v, err = env.Fact(ctx, text, vars)
	}
	if err == nil {
		return answer{Value: show(v)}
	}
	var u *UndefinedError
	var s *SyntaxError
	a := answer{Error: "error", Message: err.Error()}
	if errors.As(err, &u) {
		a.Error = "undefined"
	} else if errors.As(err, &s) {
		a.Error = "syntax"
	}
	return a
}

// templates reads the cases: a template a line; "? " before it makes it a condition, "= " text as in the template module, where \n is a line end.
func templates(t testing.TB) [][2]string {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	var all [][2]string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case line == "" || strings.HasPrefix(line, "# "):
			case strings.HasPrefix(line, "? "):
				all = append(all, [2]string{"condition", line[2:]})
			case strings.HasPrefix(line, "= "):
				all = append(all, [2]string{"text", strings.ReplaceAll(line[2:], `\n`, "\n")})
			default:
				all = append(all, [2]string{"template", line})
			}
		}
	}
	return all
}

func TestTemplatesGiveWhatAnsibleGives(t *testing.T) {
	o, env, vars := startOracle(t), testEnv(t), sample(t)
	cases := templates(t)
	if len(cases) < 400 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		want := o.ask(t, c[0], c[1])
		got := ours(env, vars, c[0], c[1])
		if text, ok := strings.CutPrefix(want.Value, "u"); ok && c[0] == "text" {
			want.Value = text // the template module writes it to a file
		}
		if got.Value != want.Value || got.Error != want.Error {
			t.Errorf("%s %s\n  ours    %s %s %s\n  ansible %s %s %s", c[0], c[1], got.Value, got.Error, got.Message, want.Value, want.Error, want.Message)
		}
	}
	t.Logf("%d templates", len(cases))
}
