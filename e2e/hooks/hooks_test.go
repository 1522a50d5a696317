// Package hooks proves the Git hooks as their users meet them: goodstate.yaml, goodstate hooks install, git commit.
package hooks

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/app/cli"
	"goodstate.dev/goodstate/hooks/client"
)

// TestMain is the tests, or one of the two programs, by the name that it is started with.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "goodstate-hook":
		os.Exit(client.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case len(os.Args) > 1 && os.Args[1] == "hooks":
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// project is a repository with both programs on PATH.
type project struct {
	t   *testing.T
	dir string
	env []string
}

func newProject(t *testing.T, config string) *project {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, name := range []string{"goodstate", "goodstate-hook"} {
		if err := os.Symlink(me, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	p := &project{t: t, dir: t.TempDir()}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, "HOME=") {
			p.env = append(p.env, v)
		}
	}
	p.env = append(p.env, "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.test",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.test", "GORACE=atexit_sleep_ms=0") // or each hook would linger
	p.run("git", "init", "-q", "-b", "main")
	p.write("goodstate.yaml", config)
	return p
}

func (p *project) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) try(args ...string) (string, int) {
	p.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Path = p.look(args[0])
	cmd.Err = nil
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		p.t.Fatalf("%q: %v", args, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// look finds a program on the project's PATH.
func (p *project) look(name string) string {
	p.t.Helper()
	for _, v := range p.env {
		list, ok := strings.CutPrefix(v, "PATH=")
		for _, dir := range filepath.SplitList(list) {
			if path := filepath.Join(dir, name); ok {
				if _, err := os.Stat(path); err == nil {
					return path
				}
			}
		}
	}
	p.t.Fatalf("there is no program %s", name)
	return ""
}

func (p *project) run(args ...string) string {
	p.t.Helper()
	out, code := p.try(args...)
	if code != 0 {
		p.t.Fatalf("%q: %d\n%s", args, code, out)
	}
	return out
}

const config = `services: {}
hooks:
  pre-commit:
    rules:
      trailing-whitespace: {exclude: ["*.md"]}
      conflict-markers: {}
    jobs:
      tidy: {run: "sed -i s/foo/formatted/ {files}", files: ["*.txt"], fix: true}
      count: {run: "test $(cat {files} | wc -c) -lt 1000", files: ["*.txt"], within: 10s, needs: [tidy]}
  commit-msg:
    jobs:
      subject: {run: "grep -Eq '^(feat|fix): ' {message}", always: true}
`

func TestFromAnEmptyRepositoryToAGoodCommit(t *testing.T) {
	p := newProject(t, config)
	if out := p.run("goodstate", "hooks", "install"); !strings.Contains(out, "pre-commit: installed\ncommit-msg: installed\n") {
		t.Errorf("install said %q", out)
	}
	if out := p.run("goodstate", "hooks", "test"); out != "the hooks work: pre-commit, commit-msg\n" {
		t.Errorf("test said %q", out)
	}
	p.write("a.txt", "foo \n")
	p.write("a.md", "break  \n")
	p.run("git", "add", "-A")
	if out, code := p.try("git", "commit", "-q", "-m", "no type"); code == 0 || !strings.Contains(out, "subject failed") {
		t.Errorf("the commit ended with %d and %q", code, out)
	}
	p.run("git", "commit", "-q", "-m", "feat: begin")
	for name, want := range map[string]string{"a.txt": "formatted\n", "a.md": "break  \n"} {
		if got := p.run("git", "show", "HEAD:"+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if out := p.run("git", "status", "--short"); out != "" {
		t.Errorf("the status is %q, want nothing", out)
	}
	p.write("b.txt", "<<<<<<< a\n=======\n>>>>>>> b\n"+strings.Repeat("much\n", 300))
	p.run("git", "add", "-A")
	out, code := p.try("git", "commit", "-q", "-m", "feat: too much")
	for _, want := range []string{"b.txt:1", "conflict-markers", "count failed"} {
		if code == 0 || !strings.Contains(out, want) {
			t.Errorf("the commit ended with %d and %q, want %q", code, out, want)
		}
	}
	p.run("goodstate", "hooks", "uninstall")
	p.run("git", "commit", "-q", "-m", "whatever")
}

func TestAChangedConfigurationIsCompiledAgain(t *testing.T) {
	p := newProject(t, config)
	p.run("goodstate", "hooks", "install")
	p.write("a.txt", "a\n")
	p.run("git", "add", "-A")
	p.run("git", "commit", "-q", "-m", "feat: a")
	p.write("goodstate.yaml", "services: {}\nhooks:\n  pre-commit:\n    jobs:\n      never: {run: \"false\", always: true}\n")
	if out, code := p.try("git", "commit", "-q", "--allow-empty", "-m", "feat: b"); code == 0 || !strings.Contains(out, "never failed") {
		t.Errorf("the commit ended with %d and %q", code, out)
	}
	p.write("goodstate.yaml", "services: {}\nhooks:\n  pre-commit:\n    rules:\n      trailing-witespace: {}\n")
	if out, code := p.try("git", "commit", "-q", "--allow-empty", "-m", "feat: c"); code == 0 || !strings.Contains(out, "goodstate.yaml:5") || !strings.Contains(out, "trailing-witespace") {
		t.Errorf("a broken configuration let a commit through: %d %q", code, out)
	}
}

func TestRunAnswersInJSON(t *testing.T) {
	p := newProject(t, config)
	p.write("a.txt", strings.Repeat("much\n", 300))
	p.run("git", "add", "-A")
	out, code := p.try("goodstate", "hooks", "run", "pre-commit", "--json")
	var report struct {
		Stage string
		Good  bool
		Jobs  []struct {
			Job  string
			Good bool
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || report.Good || report.Stage != "pre-commit" {
		t.Fatalf("run said %q with %d (%v)", out, code, err)
	}
	if out, code := p.try("goodstate", "hooks", "run", "pre-comit"); code != 64 || !strings.Contains(out, "there is no stage") {
		t.Errorf("an unknown stage ended with %d and %q", code, out)
	}
	if out := p.run("goodstate", "hooks", "recover"); out != "nothing to settle\n" {
		t.Errorf("recover said %q", out)
	}
	if out := p.run("goodstate", "hooks", "list"); !strings.Contains(out, "trailing-whitespace") || !strings.Contains(out, "tidy") {
		t.Errorf("list said %q", out)
	}
}
