package client

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/hooks/plan"
)

// killAt names the variable with the number of the step at which a hook kills itself, and Git with it.
const killAt = "CLIENT_TEST_KILL_AT"

// interruptAt names the variable with the number of the step at which a person interrupts the commit.
const interruptAt = "CLIENT_TEST_INTERRUPT_AT"

// fillAt names the variable with the number of the step before which the disk becomes full.
const fillAt = "CLIENT_TEST_FILL_AT"

// arm has something happen at the step whose number is in the environment.
func arm(variable string, what func()) {
	at, err := strconv.ParseInt(os.Getenv(variable), 10, 64)
	if err != nil {
		return
	}
	var steps atomic.Int64
	fault = func(string) {
		if steps.Add(1) == at {
			what()
		}
	}
}

// TestMain is the tests, or goodstate-hook when Git starts it as a hook.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains(Stages, os.Args[1]) {
		arm(killAt, func() {
			_ = syscall.Kill(0, syscall.SIGKILL)
			select {}
		})
		arm(fillAt, fillUp)
		arm(interruptAt, func() { _ = syscall.Kill(0, syscall.SIGINT) })
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(inMemory(m))
}

// inMemory runs the tests on a file system in memory where there is one that runs programs: they make thousands of small files durable.
func inMemory(m *testing.M) int {
	dir, err := os.MkdirTemp("/dev/shm", "client-test-*")
	if err != nil {
		return m.Run()
	}
	defer os.RemoveAll(dir)
	probe := filepath.Join(dir, "probe")
	if os.WriteFile(probe, []byte("#!/bin/sh\n"), 0o755) == nil && exec.Command(probe).Run() == nil {
		os.Setenv("TMPDIR", dir)
	}
	return m.Run()
}

// tree is a repository with a work tree, and what its hooks do.
type tree struct {
	t   *testing.T
	dir string
	env []string
}

const nobody = "# the tests put the plan in place\n"

// newTree makes a repository whose hooks carry out the stages.
func newTree(t *testing.T, stages map[string]plan.Stage) *tree {
	t.Helper()
	w := &tree{t: t, dir: filepath.Join(realpath(t, t.TempDir()), "work tree")}
	w.env = append(freed(), "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.test",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.test", "GORACE=atexit_sleep_ms=0") // or each hook would linger
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.git("init", "-q", "-b", "main")
	w.hooks(stages)
	return w
}

func realpath(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// hooks installs hooks with a plan.
func (w *tree) hooks(stages map[string]plan.Stage) {
	w.t.Helper()
	stages = maps.Clone(stages) // other tests have the same ones
	for name, s := range stages {
		s.Jobs = slices.Clone(s.Jobs)
		stages[name] = s
		for i := range s.Jobs {
			if s.Jobs[i].Within == 0 {
				s.Jobs[i].Within = time.Minute
			}
		}
		w.write(".git/hooks/"+name, string(shim(os.Args[0], name)))
		if err := os.Chmod(w.path(".git/hooks/"+name), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	w.write("goodstate.yaml", nobody)
	w.write(".git/info/exclude", "goodstate.yaml\n")
	if err := plan.Write(w.path(".git/goodstate"), []byte(nobody), &plan.Plan{Version: plan.Version, Stages: stages}); err != nil {
		w.t.Fatal(err)
	}
}

// preCommit is a plan with jobs before commits.
func preCommit(jobs ...plan.Job) map[string]plan.Stage {
	return map[string]plan.Stage{"pre-commit": {Jobs: jobs}}
}

// tidy is a job that repairs: it writes "formatted" for "foo".
func tidy() plan.Job {
	return plan.Job{Name: "tidy", Run: `sed -i s/foo/formatted/ -- {files}`, Fix: true}
}

// trimming is the rule that takes blanks from the ends of lines.
func trimming() map[string]plan.Stage {
	return map[string]plan.Stage{"pre-commit": {Rules: []plan.Rule{{Name: "trailing-whitespace", Fix: true}}}}
}

func (w *tree) path(name string) string { return filepath.Join(w.dir, name) }

func (w *tree) write(name, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *tree) read(name string) string {
	w.t.Helper()
	content, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(content)
}

func (w *tree) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	return cmd
}

// git runs a command that must go well.
func (w *tree) git(args ...string) string {
	w.t.Helper()
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// try runs a command that may fail.
func (w *tree) try(args ...string) (string, bool) {
	w.t.Helper()
	var out bytes.Buffer
	cmd := w.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err == nil
}

// base commits files without hooks.
func (w *tree) base(files map[string]string) {
	w.t.Helper()
	for name, content := range files {
		w.write(name, content)
	}
	w.git("add", "-A")
	w.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "base")
}

func (w *tree) stage(name, content string) {
	w.t.Helper()
	w.write(name, content)
	w.git("add", "--", name)
}

// is compares a file on disk, what is committed or what is staged ("HEAD:", ":") with what is wanted.
func (w *tree) is(what, name, want string) {
	w.t.Helper()
	got := ""
	if what == "disk" {
		got = w.read(name)
	} else {
		got = w.git("show", what+name)
	}
	if got != want {
		w.t.Errorf("%s %s is %q, want %q", what, name, got, want)
	}
}

func (w *tree) repo() *Repo {
	return &Repo{Top: w.dir, Dir: w.path(".git"), Common: w.path(".git"), Index: w.path(".git/index")}
}

// stashed fails when something is left behind: a stash, a run, a file.
func (w *tree) clean() {
	w.t.Helper()
	if s := w.git("stash", "list"); s != "" {
		w.t.Errorf("there is a stash: %s", s)
	}
	if runs := w.repo().openRuns(); len(runs) > 0 {
		w.t.Errorf("runs are left over: %q", runs)
	}
}

func lines(n int, change map[int]string) string {
	var b strings.Builder
	for i := range n {
		if text, ok := change[i]; ok {
			b.WriteString(text + "\n")
		} else {
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	return b.String()
}

func recovered(t *testing.T, w *tree) []string {
	t.Helper()
	said, err := Recover(context.Background(), w.repo())
	if err != nil {
		t.Fatal(err)
	}
	return said
}
