// Package drift runs playbooks with ansible-playbook and with goodstate on equal machines and wants the same of both: output, exit code and files.
package drift

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// quick are the cases of make test; all of them run where E2E_ALL is set.
var quick = []string{"blocks", "fallback", "loops", "variables"}

// program builds goodstate once.
var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("GOODSTATE_BIN"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "goodstate-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "goodstate")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/goodstate").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("building goodstate: %w\n%s", err, out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("GOODSTATE_BIN") == "" {
		if path, err := program(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

// A case is an archive of files. Each line of its comment is a run: "run ARGS" for ansible-playbook's arguments, "inventory ARGS" for ansible-inventory's.
// "# WHY" says what is left out of the comparison by the line "ignore EXPRESSION", which takes out what matches.
func TestPlaybooksDoTheSameAsWithAnsible(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, tool := range []string{"ansible-playbook", "ansible-inventory"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is the judge; .ci/install installs it", tool)
		}
	}
	all := os.Getenv("E2E_ALL") != ""
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if !all && !slices.Contains(quick, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sideBySide(t, path)
		})
	}
}

type outcome struct {
	out  string
	errs string
	code int
	tree string
}

func sideBySide(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// Both folders have names of one length, so that nothing is laid out differently.
	base := t.TempDir()
	theirs, ours := filepath.Join(base, "aaa"), filepath.Join(base, "bbb")
	for _, dir := range []string{theirs, ours} {
		unpack(t, dir, a)
	}
	var ignore []*regexp.Regexp
	runs := 0
	for line := range strings.SplitSeq(string(a.Comment), "\n") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "ignore":
			ignore = append(ignore, regexp.MustCompile("(?m)"+rest))
		case "run", "inventory":
			runs++
			words := strings.Fields(rest)
			tool, mine := "ansible-playbook", append([]string{"playbook"}, words...)
			if verb == "inventory" {
				tool, mine = "ansible-inventory", append([]string{"inventory"}, words...)
			}
			want := carryOut(t, theirs, ignore, tool, words...)
			got := carryOut(t, ours, ignore, bin, mine...)
			compare(t, line, want, got)
		}
	}
	if runs == 0 {
		t.Error("no run")
	}
}

func unpack(t *testing.T, dir string, a *txtar.Archive) {
	t.Helper()
	for _, f := range a.Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(f.Data, []byte("#!")) {
			mode = 0o755
		}
		if err := os.WriteFile(path, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "root"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// usual differences between any two runs: times, processes and random names.
var usual = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`/(aaa|bbb)\b`), "/DIR"},
	{regexp.MustCompile(`"(start|end)": "[^"]*"`), `"$1": "TIME"`},
	{regexp.MustCompile(`"delta": "[^"]*"`), `"delta": "TIME"`},
	{regexp.MustCompile(`ansible-tmp-[0-9.-]+`), "TMP"},
	{regexp.MustCompile(`j?\d{6,}\.\d{3,}`), "JOB"},
	// Ansible guesses at the place of an error, and at its reason.
	{regexp.MustCompile(`(\\n)+The error appears to be in '.*?("[,}])`), "PLACE$2"},
	// Text of files has a class of its own in Ansible; docs/templates.md says so.
	{regexp.MustCompile(`\b(ansible\.parsing\.yaml\.objects\.)?AnsibleUnicode\b`), "str"},
}

func normal(text string, ignore []*regexp.Regexp) string {
	for _, u := range usual {
		text = u.re.ReplaceAllString(text, u.with)
	}
	for _, re := range ignore {
		text = re.ReplaceAllString(text, "")
	}
	return text
}

func carryOut(t *testing.T, dir string, ignore []*regexp.Regexp, tool string, args ...string) outcome {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ANSIBLE_FORKS=1", "ANSIBLE_DEPRECATION_WARNINGS=false", "ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=false",
		"ANSIBLE_INVENTORY_UNPARSED_WARNING=false", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3", "ROOT="+filepath.Join(dir, "root"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", tool, err)
	}
	return outcome{normal(out.String(), ignore), normal(errs.String(), ignore), cmd.ProcessState.ExitCode(), normal(tree(t, filepath.Join(dir, "root")), ignore)}
}

// tree lists names, kinds, permissions and contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s", info.Mode(), rel)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " -> %s", to)
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", text)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func compare(t *testing.T, what string, want, got outcome) {
	t.Helper()
	if want.code != got.code {
		t.Errorf("%s: exit code %d, Ansible's is %d", what, got.code, want.code)
	}
	if want.out != got.out {
		t.Errorf("%s: output differs:\n%s", what, difference(want.out, got.out))
	}
	if want.code == 1 || want.code == 4 || got.code == 1 || got.code == 4 {
		if want.errs != got.errs && want.out == got.out {
			t.Logf("%s: errors differ:\n%s", what, difference(want.errs, got.errs))
		}
	}
	if want.tree != got.tree {
		t.Errorf("%s: files differ:\n%s", what, difference(want.tree, got.tree))
	}
	if t.Failed() && got.errs != "" {
		t.Logf("ours said: %s\nAnsible: %s", got.errs, want.errs)
	}
}

// difference shows the lines that only one of both has, by diff.
func difference(want, got string) string {
	dir, err := os.MkdirTemp("", "difference-")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"ansible": want, "goodstate": got} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err.Error()
		}
	}
	cmd := exec.Command("diff", "-u", "ansible", "goodstate")
	cmd.Dir = dir
	out, _ := cmd.Output() // it says 1 where there are differences
	return string(out)
}
