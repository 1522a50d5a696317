package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/internal/real"
)

// deskPlaybook keeps a greeting, and waits for a file so that a run can be looked at while it is under way.
const deskPlaybook = `- hosts: all
  gather_facts: false
  tasks:
    - name: the greeting
      ansible.builtin.copy: {content: "{{ greeting }} from {{ inventory_hostname }}\n", dest: "{{ root }}/motd", mode: "0644"}
    - name: no root logins
      ansible.builtin.lineinfile: {path: "{{ root }}/sshd_config", line: "PermitRootLogin no", regexp: "^PermitRootLogin", create: true, mode: "0600"}
    - name: the gate
      ansible.builtin.wait_for: {path: "{{ root }}/gate", timeout: 300}
`

// playground is a dashboard with people of every role, two hosts behind sshds of their own, and a repository of playbooks that the first of them offers by ssh.
type playground struct {
	*dashboard
	hosts []*real.SSHD
	roots []string
	repo  string
}

func newPlayground(t *testing.T) *playground {
	t.Helper()
	chrome := real.Need(t, "chromium", "chromium", "google-chrome", "chrome")
	p := &playground{repo: filepath.Join(t.TempDir(), "playbooks")}
	for range 2 {
		h := real.StartSSHD(t)
		if h == nil || chrome == "" {
			return nil
		}
		p.hosts, p.roots = append(p.hosts, h), append(p.roots, t.TempDir())
	}
	dir := t.TempDir()
	s := &site{t: t, dir: dir, file: filepath.Join(dir, "goodstate.yaml")}
	s.must(os.Mkdir(p.repo, 0o700))
	s.must(os.WriteFile(filepath.Join(p.repo, "site.yml"), []byte(deskPlaybook), 0o600))
	s.git(p.repo, "init", "-q")
	s.git(p.repo, "add", ".")
	s.git(p.repo, "commit", "-q", "-m", "Keep the <b>greeting</b>")
	s.must(os.WriteFile(s.file, []byte("data: data\nserver: {listen: \"127.0.0.1:0\"}\nservices: {}\n"), 0o600))
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(t.Context(), app.Options{Config: conf, Base: dir, Self: []string{os.Args[0]}})
	s.must(err)
	t.Cleanup(func() { s.must(a.Close()) })
	p.dashboard = &dashboard{site: s, a: a, chrome: chrome}
	for name, role := range map[string]auth.Role{"adam": auth.Admin, "olga": auth.Operator, "vera": auth.Viewer} {
		s.must(a.Auth.UserAdd(t.Context(), name, role, password))
	}
	p.address, err = a.Listen(t.Context())
	s.must(err)
	return p
}

func (p *playground) read(path string) string {
	p.t.Helper()
	text, err := os.ReadFile(path)
	p.must(err)
	return string(text)
}

// gate lets runs on a host go on, or not.
func (p *playground) gate(host int, open bool) {
	p.t.Helper()
	path := filepath.Join(p.roots[host], "gate")
	if open {
		p.must(os.WriteFile(path, nil, 0o600))
		return
	}
	p.must(os.Remove(path))
}

// ended waits until no run is under way and returns the last one.
func (p *playground) ended() run.Info {
	p.t.Helper()
	var last run.Info
	real.Eventually(p.t, 2*time.Minute, "the run has ended", func() bool {
		all, err := p.a.Engine.List(p.t.Context(), run.Filter{Kind: desk.KindPlay, Limit: 1})
		p.must(err)
		if len(all) == 0 || all[0].State == run.Running {
			return false
		}
		last = all[0]
		return true
	})
	return last
}

// fill types values into fields by their names.
func (b *browser) fill(fields ...string) {
	b.d.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		sel := fmt.Sprintf(`[name=%q]`, fields[i])
		b.do("fill in "+fields[i], chromedp.SetValue(sel, fields[i+1]))
	}
}

// both takes a picture of the page, wide and narrow, and holds it to what people need.
func (b *browser) both(name string) {
	b.d.t.Helper()
	b.readable()
	b.shot("desk-" + name)
	if *shots == "" {
		return
	}
	b.do("narrow", chromedp.EmulateViewport(390, 844))
	b.shot("desk-" + name + "-narrow")
	b.do("wide", chromedp.EmulateViewport(1280, 1000))
}

// setUp makes the project with all that is in it, in forms, without scripts.
func (p *playground) setUp(adam *browser) {
	p.t.Helper()
	known := p.read(p.hosts[0].KnownHosts) + p.read(p.hosts[1].KnownHosts)
	adam.login()
	adam.open("/projects")
	adam.sees("There is no project yet")
	adam.press("New project")
	adam.sees("Trust it with the controller")
	adam.both("project-new")
	adam.fill("name", "web", "repository", fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", p.hosts[0].User, p.hosts[0].Port, p.repo), "known_hosts", known, "r0.who", "olga", "r0.role", "operator")
	adam.press("Save")
	adam.sees("olga is operator")

	adam.press("New credential")
	adam.fill("name", "login", "user", p.hosts[0].User, "key", "no key at all")
	adam.press("Seal and save")
	adam.sees("the key is no private key")
	adam.both("credential-refused")
	p.must(os.WriteFile(p.hosts[1].Authorized, []byte(p.read(p.hosts[0].Key+".pub")), 0o600))
	adam.fill("key", p.read(p.hosts[0].Key))
	adam.press("Seal and save")
	adam.press("Settings and roles")
	adam.sees("Pulled with the key of")
	adam.fill("credential", "login")
	adam.both("project-settings")
	adam.press("Save")
	adam.press("Pull the newest commit")
	adam.sees("Keep the <b>greeting</b>")

	adam.press("New inventory")
	hosts := "[web\n"
	adam.fill("name", "hosts", "text", hosts)
	adam.press("Check without saving")
	adam.sees("host range of [web has no end")
	adam.both("inventory-refused")
	hosts = "[web]\n"
	for i, h := range p.hosts {
		hosts += fmt.Sprintf("web%d ansible_host=127.0.0.1 ansible_port=%d root=%s\n", i+1, h.Port, p.roots[i])
	}
	adam.fill("text", hosts)
	adam.press("Check without saving")
	adam.sees("2 hosts.")
	adam.sees("web[1-2]")
	adam.both("inventory")
	adam.press("Save")

	adam.press("New template")
	adam.fill("name", "site", "playbook", "site.yml", "inventory", "hosts", "q0.variable", "greeting", "q0.ask", "What to say", "q0.default", "hello")
	adam.do("choose the credential", chromedp.Click(`input[name="credential"][value="login"]`))
	adam.press("Room for another question")
	adam.sees("1. greeting") // the form again
	adam.both("template")
	adam.press("Save")

	adam.press("New schedule")
	adam.fill("name", "nightly", "template", "site", "cron", "30 3 * * *", "zone", "Asia/Tokyo")
	adam.press("Show the next times")
	adam.sees("03:30 JST")
	adam.both("schedule")
	adam.press("Save")
	adam.sees("only looks")
	adam.both("project")
	adam.press("login")
	adam.sees("Nobody sees them again")
	adam.both("credential")
	adam.press("web")
	adam.press("site")
	adam.sees("As a file for")
	adam.both("template-kept")
}

func TestDriftIsSeenAndCorrectedFromThePages(t *testing.T) {
	p := newPlayground(t)
	if p == nil {
		return
	}
	adam, olga, vera := p.browser("adam", false), p.browser("olga", true), p.browser("vera", true)
	p.setUp(adam)

	// An operator launches it, and follows the run live.
	p.gate(1, true)
	olga.login()
	olga.open("/projects/web")
	olga.press("Check or launch")
	olga.sees("What to say")
	olga.fill("why", "the first time")
	olga.both("launch")
	olga.press("Launch")
	olga.sees("… under way")
	olga.sees("no root logins")
	olga.sees("4 changed")
	olga.both("run-live")
	vera.login()
	vera.open("/plays")
	vera.sees("… under way")
	vera.both("runs")
	p.gate(0, true)
	olga.sees("✓ done") // by itself
	olga.sees("the first time")
	olga.both("run")
	olga.fill("search", "greeting from")
	olga.fill("host", "web2")
	olga.press("Show")
	olga.sees("No result fits.")

	// Somebody changes a file behind the tool's back; the schedule finds it.
	p.must(os.WriteFile(filepath.Join(p.roots[0], "motd"), []byte("go away\n"), 0o600))
	p.must(p.a.Desk.Due(t.Context(), time.Now().Add(25*time.Hour)))
	if info := p.ended(); info.Who != "adam" || info.Why != "schedule nightly" || info.State != run.Succeeded {
		t.Fatalf("the schedule launched %+v", info)
	}
	vera.open("/drift")
	vera.sees("1 of 4 things on 2 hosts are not as the playbooks say")
	vera.sees("web1: the greeting")
	vera.sees("since after")
	vera.sees("go away")
	vera.lacks("Put it right")
	vera.both("drift")
	vera.open("/projects/web/templates/site/launch")
	vera.sees("Launching needs an operator")
	vera.forbidden("/projects/web/templates/site/launch")

	olga.open("/drift")
	olga.press("Put it right")
	if only := get(olga, "the hosts", chromedp.Value("#limit")); only != "web1" {
		t.Errorf("it would be put right on %q, want web1", only)
	}
	olga.fill("why", "it was <b>Bo</b>")
	olga.press("Launch")
	olga.sees("✓ done")
	olga.sees("it was <b>Bo</b>")
	if got := p.read(filepath.Join(p.roots[0], "motd")); got != "hello from web1\n" {
		t.Errorf("the host has %q", got)
	}
	vera.open("/drift")
	vera.sees("What was looked at is as the playbooks say")
	vera.open("/drift/hosts/web1?playbook=template%2Fweb%2Fsite")
	vera.sees("drifted")
	vera.both("drift-host")

	// A run is cancelled where it is.
	p.gate(0, false)
	olga.open("/projects/web/templates/site/launch")
	olga.press("Launch")
	olga.sees("the gate")
	olga.fill("why", "it takes too long")
	olga.press("Cancel the run")
	olga.sees("✗ cancelled")
	olga.both("run-cancelled")

	// What failed is run again where it failed.
	p.gate(0, true)
	p.must(p.a.Desk.PutInventory(t.Context(), "adam", desk.Inventory{Project: "web", Name: "hosts", Text: p.withDead()}))
	olga.open("/projects/web/templates/site/launch")
	olga.press("Launch")
	olga.sees("✗ failed")
	olga.sees("1 unreachable")
	olga.both("run-failed")
	olga.press("Run again for 1 failed host")
	olga.sees("again for the failed hosts of")
	olga.sees("✗ failed")
	adam.open("/journal?actor=olga")
	adam.sees("it takes too long")

	for _, page := range []string{"/projects/web", "/projects/web/credentials/login", "/journal", "/plays/" + p.ended().ID} {
		adam.open(page)
		if text := get(adam, "read "+page, chromedp.Evaluate[string]("document.documentElement.outerHTML")); strings.Contains(text, strings.Split(p.read(p.hosts[0].Key), "\n")[2]) {
			t.Errorf("%s shows the key", page)
		}
	}
	for _, form := range []string{"/projects", "/projects/web/settings", "/projects/web/remove", "/projects/web/inventories/hosts", "/projects/web/credentials/login/remove", "/projects/web/pull"} {
		vera.open("/projects/web")
		vera.forbidden(form)
	}
}

// withDead is the inventory with one more host, at whose address nobody answers.
func (p *playground) withDead() string {
	p.t.Helper()
	i, err := p.a.Desk.Inventory(p.t.Context(), "web", "hosts")
	p.must(err)
	return i.Text + "web3 ansible_host=127.0.0.1 root=/nowhere ansible_port=" + strconv.Itoa(real.FreePort(p.t)) + "\n"
}

// forbidden sends a form that the page does not offer.
func (b *browser) forbidden(path string) {
	b.d.t.Helper()
	b.do("send a form to "+path, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
		const form = document.createElement("form");
		form.method = "post";
		form.action = %q;
		form.append(document.querySelector("input[name=csrf]").cloneNode());
		document.body.append(form);
		form.submit();
	})()`, path)), chromedp.WaitReady(`//main[.//h1[.="Forbidden"]]`))
}
