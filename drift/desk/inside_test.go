package desk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/internal/real"
)

// outside is a file of the controller that no project may read, and one that none may make.
func outside(t *testing.T) (secret, made string) {
	t.Helper()
	dir := t.TempDir()
	secret = filepath.Join(dir, "secret.yml")
	if err := os.WriteFile(secret, []byte("word: s3cret-of-the-controller\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TOKEN_OF_THE_CONTROLLER", "s3cret-of-the-controller")
	return secret, filepath.Join(dir, "made")
}

// task is a playbook with one task.
func task(text string) string {
	return "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: x\n      " + strings.ReplaceAll(text, "\n", "\n      ") + "\n"
}

// refused runs site.yml of a bench and wants it to fail, without the secret in what is kept, and without anything made.
func (b *bench) refused(made, want string) {
	b.Helper()
	ctx := b.Context()
	info, err := b.Launch(ctx, Launch{Project: "web", Template: "t", Who: "olga"})
	b.must(err)
	got := b.ended(info.ID)
	rows, err := b.Results(ctx, info.ID, Filter{})
	b.must(err)
	text, err := json.Marshal(rows)
	b.must(err)
	all := string(text) + got.Error
	if got.State != run.Failed || strings.Contains(all, "s3cret") || !strings.Contains(all, want) {
		b.Errorf("%s: %s\nwant it refused with %q", got.State, all, want)
	}
	if _, err := os.Stat(made); err == nil {
		b.Errorf("%s was made on the controller", made)
	}
}

func TestPlaybooksOfAProjectReadAndRunNothingOnTheController(t *testing.T) {
	secret, made := outside(t)
	say := func(expression string) string { return task(`ansible.builtin.debug: {msg: "` + expression + `"}`) }
	const no, file = "project", "outside of the project"
	for name, c := range map[string]struct {
		playbook, want string
	}{
		"pipe":             {say("{{ lookup('pipe', 'touch MADE; cat SECRET') }}"), "pipe"},
		"pipe, full name":  {say("{{ query('ansible.builtin.pipe', 'touch MADE; cat SECRET') }}"), "pipe"},
		"lines":            {say("{{ q('lines', 'touch MADE; cat SECRET') }}"), "lines"},
		"with_lines":       {task("ansible.builtin.debug: {msg: '{{ item }}'}\nwith_lines: touch MADE; cat SECRET"), "lines"},
		"env":              {say("{{ lookup('env', 'TOKEN_OF_THE_CONTROLLER') }}"), "env"},
		"file":             {say("{{ lookup('file', 'SECRET') }}"), file},
		"file, upwards":    {say("{{ lookup('file', '../../../../../../../../../../../../..SECRET') }}"), no},
		"unvault":          {say("{{ lookup('unvault', 'SECRET') }}"), file},
		"template":         {say("{{ lookup('template', 'SECRET') }}"), file},
		"first_found":      {say("{{ lookup('first_found', ['SECRET']) }}"), file},
		"with_file":        {task("ansible.builtin.debug: {msg: '{{ item }}'}\nwith_file: ['SECRET']"), file},
		"include":          {say("{% include 'SECRET' %}"), no},
		"password":         {say("{{ lookup('password', 'MADE') }}"), "password"},
		"url":              {say("{{ lookup('url', 'http://127.0.0.1:1/') }}"), "url"},
		"a plugin":         {say("{{ lookup('spy', 'x') }}"), "spy"},
		"a filter plugin":  {say("{{ 'x' | spy }}"), "spy"},
		"include_vars":     {task("ansible.builtin.include_vars: SECRET"), file},
		"include_tasks":    {task("ansible.builtin.include_tasks: SECRET"), no},
		"copy":             {task("ansible.builtin.copy: {src: SECRET, dest: MADE}"), file},
		"template of":      {task("ansible.builtin.template: {src: SECRET, dest: MADE}"), file},
		"script":           {task("ansible.builtin.script: SECRET"), file},
		"fetch":            {task("ansible.builtin.fetch: {src: /etc/hostname, dest: MADE, flat: true}"), "fetch"},
		"synchronize":      {task("ansible.posix.synchronize: {src: SECRET, dest: MADE}"), "synchronize"},
		"delegate_to":      {task("ansible.builtin.command: touch MADE\ndelegate_to: localhost"), "controller"},
		"local_action":     {task("local_action: {module: ansible.builtin.command, cmd: touch MADE}"), "controller"},
		"connection":       {task("ansible.builtin.command: touch MADE\nconnection: local"), "controller"},
		"by variable":      {task("ansible.builtin.command: touch MADE\nvars: {ansible_connection: local}"), "controller"},
		"by add_host":      {"- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.add_host: {name: me, ansible_connection: local}\n- hosts: me\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: touch MADE\n", "controller"},
		"localhost":        {"- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: touch MADE\n", "controller"},
		"vars_files":       {"- hosts: all\n  gather_facts: false\n  vars_files: ['SECRET']\n  tasks:\n    - ansible.builtin.debug: {msg: '{{ word }}'}\n", no},
		"import_playbook":  {"- import_playbook: SECRET\n", file},
		"a key file":       {task("ansible.builtin.ping: {}\nvars: {ansible_private_key_file: SECRET}"), "key file"},
		"ProxyCommand":     {task("ansible.builtin.ping: {}\nvars: {ansible_ssh_common_args: '-o ProxyCommand=\"touch MADE\"'}"), "ProxyCommand"},
		"XAuthLocation":    {task("ansible.builtin.ping: {}\nvars: {ansible_ssh_extra_args: '-X -oXAuthLocation=MADE'}"), "-X"},
		"a log of ssh":     {task("ansible.builtin.ping: {}\nvars: {ansible_ssh_extra_args: '-E MADE'}"), "-E"},
		"a library module": {task("spymodule: {}"), "spymodule"},
	} {
		t.Run(name, func(t *testing.T) {
			words := strings.NewReplacer("SECRET", secret, "MADE", made)
			python := fmt.Sprintf("open(%q, 'w').close()\n", made)
			b := newBench(t, map[string]string{
				"site.yml": words.Replace(c.playbook), "lookup_plugins/spy.py": python, "filter_plugins/spy.py": python, "library/spymodule.py": python,
			})
			b.must(b.pull())
			b.must(b.PutInventory(t.Context(), "anna", Inventory{Project: "web", Name: "h", Text: "h1 ansible_host=127.0.0.1 ansible_port=1\n"}))
			b.must(b.PutTemplate(t.Context(), "anna", Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h"}))
			b.refused(made, c.want)
		})
	}
}

func TestAScriptIsNoInventoryUntilTheProjectMay(t *testing.T) {
	_, made := outside(t)
	b := newBench(t, map[string]string{"site.yml": task("ansible.builtin.debug: {msg: x}"), "hosts.sh": "#!/bin/sh\ntouch " + made + "\necho '{}'\n"})
	b.must(os.Chmod(filepath.Join(b.repo, "hosts.sh"), 0o700))
	b.git("add", "-A")
	b.git("commit", "-q", "-m", "a script")
	b.must(b.pull())
	b.must(b.PutInventory(t.Context(), "anna", Inventory{Project: "web", Name: "h", Path: "hosts.sh"}))
	b.must(b.PutTemplate(t.Context(), "anna", Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h"}))
	b.refused(made, "is a script")
}

func TestFilesOfTheProjectAreRead(t *testing.T) {
	b, root, _ := site(t)
	if b == nil {
		return
	}
	for name, text := range map[string]string{
		"site.yml": "- hosts: all\n  gather_facts: false\n  vars_files: [more.yml]\n  tasks:\n    - ansible.builtin.template: {src: t.j2, dest: '{{ root }}/t', mode: '0600'}\n    - ansible.builtin.copy: {src: f, dest: '{{ root }}/f', mode: '0600'}\n" +
			"    - ansible.builtin.include_tasks: more/tasks.yml\n",
		"more.yml": "word: tea\n", "templates/t.j2": "{{ word }} {{ lookup('file', 'f') }} {{ lookup('fileglob', '*') | basename }}\n", "files/f": "pot\n",
		"more/tasks.yml": "- ansible.builtin.copy: {content: \"{{ 'more.yml' is exists }}\", dest: '{{ root }}/g', mode: '0600'}\n",
	} {
		path := filepath.Join(b.repo, name)
		b.must(os.MkdirAll(filepath.Dir(path), 0o700))
		b.must(os.WriteFile(path, []byte(text), 0o600))
	}
	b.git("add", "-A")
	b.git("commit", "-q", "-m", "files")
	b.must(b.pull())
	info, err := b.Launch(t.Context(), Launch{Project: "web", Template: "motd", Who: "olga"})
	b.must(err)
	if got := b.ended(info.ID); got.State != run.Succeeded {
		rows, _ := b.Results(t.Context(), info.ID, Filter{}) // only for the message
		t.Fatalf("the run: %s %s %+v", got.State, got.Error, rows)
	}
	text, err := os.ReadFile(filepath.Join(root, "t"))
	b.must(err)
	if string(text) != "tea pot f\n" {
		t.Errorf("rendered %q", text)
	}
}

func TestTheAccountsOwnKeysAreNotUsed(t *testing.T) {
	host := real.StartSSHD(t)
	if host == nil {
		return
	}
	home := t.TempDir()
	key, err := os.ReadFile(host.Key)
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile(host.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, map[string]string{"site.yml": task("ansible.builtin.command: 'true'")})
	b.must(os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
	b.must(os.WriteFile(filepath.Join(home, ".ssh", "id_ed25519"), key, 0o600))
	b.must(os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte("Host *\n  IdentityFile "+host.Key+"\n"), 0o600))
	t.Setenv("HOME", home)
	ctx := t.Context()
	inventory := fmt.Sprintf("h1 ansible_host=127.0.0.1 ansible_port=%d ansible_user=%s\n", host.Port, host.User)
	for _, local := range []bool{true, false} {
		b.must(b.PutProject(ctx, "anna", Project{Name: "web", Repository: b.repo, KnownHosts: string(known), Local: local}))
		b.must(b.pull())
		b.must(b.PutInventory(ctx, "anna", Inventory{Project: "web", Name: "h", Text: inventory}))
		b.must(b.PutTemplate(ctx, "anna", Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h"}))
		info, err := b.Launch(ctx, Launch{Project: "web", Template: "t", Who: "olga"})
		b.must(err)
		if got := b.ended(info.ID); (got.State == run.Succeeded) != local {
			t.Errorf("may use the controller %v: %s %s, want the account's key to be used only then", local, got.State, got.Error)
		}
	}
}
