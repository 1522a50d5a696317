package yaml11

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/py"
)

// oracle is PyYAML as Ansible uses it, in a process of its own.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

type answer struct {
	Value  string `json:"value"`
	Text   string `json:"text"`
	Error  string `json:"error"`
	Warned int    `json:"warned"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func startOracle(t testing.TB) *oracle {
	t.Helper()
	script, err := filepath.Abs("testdata/oracle.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", script) // Debian's, which has ansible-core
	cmd.Env = append(os.Environ(), "ANSIBLE_HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	cmd.Dir = t.TempDir()
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

func (o *oracle) ask(t testing.TB, job map[string]any) answer {
	t.Helper()
	line, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if !o.out.Scan() {
		t.Fatalf("the oracle ended at %s: %v", line, o.out.Err())
	}
	var a answer
	if err := json.Unmarshal(o.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func show(v any) string {
	var parts []string
	switch x := v.(type) {
	case *py.Sealed:
		return "vault(" + py.Repr(x.Cipher) + ")"
	case py.Unsafe:
		return "u" + py.Repr(string(x))
	case py.Datetime:
		return "datetime(" + x.String() + ")"
	case *py.Dict:
		for k, item := range x.All() {
			parts = append(parts, show(k)+": "+show(item))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *py.List:
		for _, item := range x.Items {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case py.Tuple:
		for _, item := range x {
			parts = append(parts, show(item)+", ")
		}
		return "(" + strings.Join(parts, "") + ")"
	}
	return py.Repr(v)
}

func TestYAMLIsReadAsPyYAMLReadsIt(t *testing.T) {
	o := startOracle(t)
	data, err := os.ReadFile("testdata/documents.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, doc := range strings.Split(string(data), "=====\n") {
		n++
		want := o.ask(t, map[string]any{"kind": "load", "text": doc})
		warned := 0
		v, err := Load("x.yml", []byte(doc), Options{Warn: func(string) { warned++ }})
		var e *Error
		switch {
		case err == nil && want.Error == "":
			if got := show(v); got != want.Value {
				t.Errorf("%s\n  ours   %s\n  pyyaml %s", doc, got, want.Value)
			}
			if warned != want.Warned {
				t.Errorf("%s\n  %d warnings, PyYAML gives %d", doc, warned, want.Warned)
			}
		case err == nil || want.Error == "":
			t.Errorf("%s\n  ours   %s %v\n  pyyaml %s %s", doc, show(v), err, want.Value, want.Error)
		case errors.As(err, &e) && want.Line > 0 && (e.Line != want.Line || e.Column != want.Column || !strings.Contains(e.Problem, want.Error)):
			t.Errorf("%s\n  ours   %d:%d %s\n  pyyaml %d:%d %s", doc, e.Line, e.Column, e.Problem, want.Line, want.Column, want.Error)
		}
	}
	if n < 60 {
		t.Errorf("only %d documents", n)
	}
}

func TestYAMLIsWrittenAsPyYAMLWritesIt(t *testing.T) {
	o := startOracle(t)
	data, err := os.ReadFile("testdata/values.txt")
	if err != nil {
		t.Fatal(err)
	}
	forms := []struct {
		opt    DumpOptions
		python map[string]any
	}{
		{DumpOptions{}, map[string]any{"default_flow_style": nil}},
		{DumpOptions{Block: true, Indent: 4}, map[string]any{"default_flow_style": false, "indent": 4}},
		{DumpOptions{Block: true, Indent: 2, Width: 40}, map[string]any{"default_flow_style": false, "indent": 2, "width": 40}},
		{DumpOptions{Flow: true}, map[string]any{"default_flow_style": true}},
		{DumpOptions{Block: true, Unsorted: true, ExplicitStart: true}, map[string]any{"default_flow_style": false, "sort_keys": false, "explicit_start": true}},
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		v, err := py.FromJSON([]byte(line), false)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, f := range forms {
			n++
			want := o.ask(t, map[string]any{"kind": "dump", "text": line, "options": f.python})
			got, err := Dump(v, f.opt)
			if err != nil || got != want.Text {
				t.Errorf("%s%v\n%s\nPyYAML %s\n%s%v", line, f.python, got, want.Error, want.Text, err)
			}
			again, err := Load("x", []byte(got), Options{})
			if err != nil || show(again) != show(v) && f.opt.Unsorted {
				t.Errorf("%s is read again as %s: %v", line, show(again), err)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d", n)
	}
}
