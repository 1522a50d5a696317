package drift

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// lab is two machines with an sshd each, in a network of their own.
type lab struct {
	t   *testing.T
	sh  string
	env []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	sh, err := filepath.Abs("../../bench/drift/hosts.sh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(sh); err != nil {
		t.Fatalf("the lab is beside the repository: %v", err)
	}
	name := fmt.Sprintf("gse2e%d", os.Getpid())
	l := &lab{t: t, sh: sh, env: append(os.Environ(), "LAB_DIR=/run/"+name, "LAB_NETNS="+name, "LAB_NET=127.93", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3")}
	t.Cleanup(func() { l.hosts("down") })
	l.hosts("up", "2")
	return l
}

func (l *lab) hosts(args ...string) string {
	l.t.Helper()
	cmd := exec.Command(l.sh, args...)
	cmd.Env = l.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("hosts.sh %v: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

// inventory has one of the machines, by a name that is the same for both.
func (l *lab) inventory(number int, group string) string {
	l.t.Helper()
	text := l.hosts("inventory", "2")
	host := regexp.MustCompile(fmt.Sprintf(`(?m)^drift%03d (.*)$`, number)).FindStringSubmatch(text)
	_, vars, ok := strings.Cut(text, "[fleet:vars]\n")
	if host == nil || !ok {
		l.t.Fatalf("inventory of the lab: %s", text)
	}
	path := filepath.Join(l.t.TempDir(), "hosts.ini")
	body := fmt.Sprintf("[%s]\nmachine %s\n[web]\nmachine\n[db]\n[%s:vars]\n%s", group, host[1], group, vars)
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// recap runs a playbook in the network of the lab and returns its exit code and recap.
func (l *lab) recap(dir string, tool ...string) string {
	l.t.Helper()
	cmd := exec.Command(l.sh, append([]string{"run", "--"}, tool...)...)
	cmd.Env, cmd.Dir = l.env, dir
	out, _ := cmd.CombinedOutput() // the code tells
	_, recap, ok := strings.Cut(string(out), "PLAY RECAP")
	if !ok {
		l.t.Fatalf("%v: %s", tool, out)
	}
	return fmt.Sprintf("exit %d %s", cmd.ProcessState.ExitCode(), recap)
}

// The playbooks of the bench and of the examples give the recap that Ansible gives: when asked, at first, again, and when asked again.
func TestTheExamplesGiveTheSameRecap(t *testing.T) {
	if os.Getenv("E2E_ALL") == "" {
		t.Log("runs in make test-all")
		return
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("apt-get", "install", "-y", "-q", "--download-only", "apache2").CombinedOutput(); err != nil {
		t.Fatalf("the machines of the lab have no network, so packages are fetched for them: %v\n%s", err, out)
	}
	l := newLab(t)
	for _, c := range []struct{ dir, group string }{{"../../bench/drift/playbooks", "fleet"}, {"webservers", "webservers"}} {
		name := "site.yml"
		if c.group == "fleet" {
			name = "site20.yml"
		}
		dir, err := filepath.Abs(c.dir)
		if err != nil {
			t.Fatal(err)
		}
		theirs, ours := l.inventory(1, c.group), l.inventory(2, c.group)
		for _, mode := range [][]string{{"--check"}, {}, {}, {"--check"}} {
			want := l.recap(dir, append([]string{"ansible-playbook", "-i", theirs, name}, mode...)...)
			got := l.recap(dir, append([]string{bin, "playbook", "-i", ours, name}, mode...)...)
			if want != got {
				t.Errorf("%s %v:\n%s\nAnsible's:\n%s", c.dir, mode, got, want)
			}
		}
	}
}
