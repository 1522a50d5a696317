package drift

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
	"goodstate.dev/goodstate/internal/real"
)

// A plant is something that somebody does on a server behind the tool's back, and the tasks that then differ there.
type plant struct {
	does  string // for the shell
	tasks []string
}

// plants are all that is tried, the ones that do not touch each other. A task with a loop is named with its item.
var plants = []plant{
	{"usermod -s /bin/sh shop", []string{"user"}},
	{"usermod -d /tmp shop", []string{"user"}},
	{"useradd guest", []string{"no guest"}},
	{"rm /home/ops/.ssh/authorized_keys", []string{"key of the operator"}},
	{"chmod 0777 /srv/shop/log", []string{"folders log"}},
	{"chown root: /srv/shop/log", []string{"folders log"}},
	{"rm -r /srv/shop/log", []string{"folders log"}},
	{"dpkg --purge unzip", []string{"package"}},
	{"dpkg -i /var/tmp/gs-foreign.deb", []string{"no foreign package"}},
	{"echo 'workers = 400' >> /srv/shop/conf/shop.conf", []string{"template"}},
	{"chmod 0644 /srv/shop/conf/shop.conf", []string{"template"}},
	{"chgrp root /srv/shop/conf/shop.conf", []string{"template"}},
	{"rm /srv/shop/conf/shop.conf", []string{"template"}},
	{"echo pwned > /etc/motd", []string{"copied file"}},
	{"chmod 0666 /etc/motd", []string{"copied file"}},
	{"echo cheaper > /srv/shop/data/prices", []string{"written file", "replaced text"}},
	{"chown root /srv/shop/data/prices", []string{"written file"}},
	{"echo token=stolen > /srv/shop/conf/token", []string{"secret file"}},
	{"chmod 0604 /srv/shop/conf/token", []string{"secret file"}},
	{"echo debug > /srv/shop/conf/debug.conf", []string{"no debug part"}},
	{"mkdir /srv/shop/conf/debug.conf", []string{"no debug part"}},
	{"ln -sfn /tmp /etc/shop", []string{"link"}},
	{"rm /etc/shop", []string{"link"}},
	{"sed -i '/^MaxAuthTries/d' /etc/ssh/sshd_config", []string{"line"}},
	{"sed -i 's/^MaxAuthTries.*/MaxAuthTries 100/' /etc/ssh/sshd_config", []string{"line"}},
	{"echo 10.9.9.9 evil.example >> /etc/hosts", []string{"no line"}},
	{"sed -i 's/8192/1048576/' /etc/security/limits.conf", []string{"block"}},
	{"sed -i '/BEGIN shop/,/END shop/d' /etc/security/limits.conf", []string{"block"}},
	{"sed -i 's/8080/9090/' /etc/shop.ini", []string{"setting of a program"}},
	{"rm /etc/shop.ini", []string{"setting of a program"}},
	{"sed -i 's/dmesg_restrict=1/dmesg_restrict=0/; s/dmesg_restrict = 1/dmesg_restrict = 0/' /etc/sysctl.d/60-shop.conf", []string{"kernel settings kernel.dmesg_restrict"}},
	{"sed -i 's/^17 3/17 4/' /etc/cron.d/shop", []string{"cron of the system"}},
	{"rm /etc/cron.d/shop", []string{"cron of the system"}},
	{"crontab -u ops -r", []string{"cron of a user"}},
	{"chmod 0700 /etc/init.d/shop", []string{"service script"}},
	{"/etc/init.d/shop stop", []string{"service"}},
	{"kill \"$(cat /run/shop.pid)\"", []string{"service"}},
	{"rm /srv/shop/data/pages/index.html", []string{"unpacked archive"}},
	{"rm /srv/shop/data/made", []string{"made once"}},
}

// uncheckable are the tasks of which nobody can tell without doing them.
var uncheckable = []string{"command", "shell"}

// planting is servers with a playbook that they follow.
type planting struct {
	t        *testing.T
	machines []*real.Machine
	bin, dir string
}

func newPlanting(t *testing.T, n int) *planting {
	t.Helper()
	all := real.StartMachines(t, n, false)
	if all == nil {
		return nil
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &planting{t: t, machines: all, bin: bin, dir: t.TempDir()}
	if err := os.CopyFS(p.dir, os.DirFS("planted")); err != nil {
		t.Fatal(err)
	}
	pages := filepath.Join(t.TempDir(), "pages")
	p.write(filepath.Join(pages, "index.html"), "<h1>Tea</h1>\n")
	p.do("tar", "-C", filepath.Dir(pages), "-cf", filepath.Join(p.dir, "files", "pages.tar"), "pages")
	inventory := "[all:vars]\nansible_ssh_common_args=-F " + all[0].Config + "\nansible_python_interpreter=/usr/bin/python3\n[all]\n"
	for _, m := range all {
		inventory += m.Name + "\n"
	}
	p.write(filepath.Join(p.dir, "hosts"), inventory)
	p.write(filepath.Join(p.dir, "goodstate.yaml"), "data: data\nservices: {}\n")
	return p
}

func (p *planting) write(path, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *planting) do(name string, args ...string) {
	p.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// drift runs goodstate drift on all servers and returns its exit code.
func (p *planting) drift(verb string) (code int, out string) {
	p.t.Helper()
	cmd := exec.Command(p.bin, "drift", "site.yml", verb, "-i", "hosts", "--forks", "10")
	cmd.Dir = p.dir
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// everywhere runs a command on every machine, several at a time.
func (p *planting) everywhere(command func(i int) string) {
	p.t.Helper()
	var wait sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, m := range p.machines {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			cmd := exec.Command("ssh", "-F", m.Config, "-o", "BatchMode=yes", m.Name, "set -e\n"+command(i))
			if out, err := cmd.CombinedOutput(); err != nil {
				p.t.Errorf("on %s: %v\n%s", m.Name, err, out)
			}
		})
	}
	wait.Wait()
	if p.t.Failed() {
		p.t.FailNow()
	}
}

// states is what the record says of each task of a server, as "task item".
func (p *planting) states() map[string]map[string]record.Resource {
	p.t.Helper()
	s, err := store.OpenReadOnly(p.t.Context(), filepath.Join(p.dir, "data"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // it was only read
	out := map[string]map[string]record.Resource{}
	for _, m := range p.machines {
		list, err := record.Reader(s).Resources(p.t.Context(), m.Name, "site.yml", "", 0)
		if err != nil {
			p.t.Fatal(err)
		}
		out[m.Name] = map[string]record.Resource{}
		for _, r := range list {
			out[m.Name][strings.TrimSpace(r.Task+" "+r.Item)] = r
		}
	}
	return out
}

// choose picks what is done on each server: no two things that touch the same task, and everything somewhere.
func choose(n int) [][]plant {
	random := rand.New(rand.NewPCG(2026, 11)) //nolint:gosec // the same each time
	out := make([][]plant, n)
	for i := range out {
		taken := map[string]bool{}
		order := random.Perm(len(plants))
		for at, j := range append([]int{i % len(plants), (i + n) % len(plants)}, order...) {
			pl := plants[j]
			free := !slices.ContainsFunc(pl.tasks, func(task string) bool { return taken[task] })
			if free && (at < 2 || random.IntN(2) == 0) {
				out[i] = append(out[i], pl)
				for _, task := range pl.tasks {
					taken[task] = true
				}
			}
		}
	}
	return out
}

// Of what is done behind the tool's back on many servers everything is found, nothing else is claimed, and what cannot be checked is listed as that.
func TestWhatIsPlantedIsFoundAndNothingElse(t *testing.T) {
	n := 8
	if os.Getenv("E2E_ALL") != "" {
		n = 50
	}
	if real.Need(t, "unzip") == "" {
		return
	}
	p := newPlanting(t, n)
	if p == nil {
		return
	}
	p.do("apt-get", "install", "-y", "-q", "--reinstall", "--download-only", "unzip") // the servers find it in their cache
	deb := t.TempDir()
	p.write(filepath.Join(deb, "DEBIAN", "control"), "Package: gs-foreign\nVersion: 1\nArchitecture: all\nMaintainer: Ann <ann@example.org>\nDescription: what nobody asked for\n")
	p.do("dpkg-deb", "-b", deb, filepath.Join(p.dir, "gs-foreign.deb"))
	for _, m := range p.machines {
		p.do("scp", "-O", "-q", "-F", m.Config, filepath.Join(p.dir, "gs-foreign.deb"), m.Name+":/var/tmp/")
	}
	if code, out := p.drift("fix"); code != 0 {
		t.Fatalf("the first run ends with %d:\n%s", code, out)
	}
	if code, out := p.drift("diff"); code != 0 {
		t.Fatalf("a look at servers that were just made ends with %d, want 0:\n%s", code, out)
	}
	chosen := choose(n)
	p.everywhere(func(i int) string {
		var script strings.Builder
		for _, pl := range chosen[i] {
			script.WriteString("{ " + pl.does + "; } >/dev/null\n")
		}
		return script.String()
	})
	at := time.Now()
	code, out := p.drift("diff")
	took := time.Since(at)
	if code != 2 {
		t.Errorf("the look ends with %d, want 2", code)
	}
	planted, found, kinds := 0, 0, map[string]bool{}
	states := p.states()
	for i, m := range p.machines {
		want := map[string]bool{}
		for _, pl := range chosen[i] {
			kinds[pl.does] = true
			for _, task := range pl.tasks {
				want[task] = true
			}
		}
		planted += len(want)
		var unable []string
		for task, r := range states[m.Name] {
			switch {
			case want[task] && r.State == state.Drifted && !r.GoodAt.IsZero() && r.GoodAt.Before(r.DiffersAt):
				found++
			case want[task]:
				t.Errorf("%s: %s was changed and is %s: %s", m.Name, task, r.State.Word(), r.Reason)
			case r.State == state.Uncheckable:
				unable = append(unable, task)
			case r.State != state.Good:
				t.Errorf("%s: nobody touched %s and it is %s: %s%s", m.Name, task, r.State.Word(), r.Reason, r.Diff)
			}
			delete(want, task)
			if strings.Contains(r.Diff+r.Reason, "correct-horse") {
				t.Errorf("%s: %s shows a secret", m.Name, task)
			}
		}
		for task := range want {
			t.Errorf("%s: %s was changed and is not in the record", m.Name, task)
		}
		if slices.Sort(unable); !slices.Equal(unable, uncheckable) {
			t.Errorf("%s: %v cannot be checked, want %v", m.Name, unable, uncheckable)
		}
	}
	if n >= len(plants)/2 && len(kinds) != len(plants) {
		t.Errorf("%d of %d kinds of changes were tried", len(kinds), len(plants))
	}
	t.Logf("%d hosts: %d differences of %d kinds planted, %d found; the look took %s", n, planted, len(kinds), found, took.Round(time.Millisecond))
	if t.Failed() {
		t.Log(out)
		return
	}
	if code, out := p.drift("fix"); code != 0 {
		t.Errorf("the correction ends with %d:\n%s", code, out)
	}
	if code, out := p.drift("diff"); code != 0 {
		t.Errorf("a look after the correction ends with %d, want 0:\n%s", code, out)
	}
	for host, tasks := range p.states() {
		for task, r := range tasks {
			if r.State != state.Good && r.State != state.Uncheckable {
				t.Errorf("%s: after the correction %s is %s: %s", host, task, r.State.Word(), fmt.Sprintf("%.300s", r.Reason+r.Diff))
			}
		}
	}
}
