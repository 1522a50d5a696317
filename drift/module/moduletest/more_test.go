package moduletest

func init() {
	const ini = "mkdir /x; printf '[one]\\na = 1\\n;b = 2\\n\\n# note\\n[two]\\nc=3\\nc=4\\n' > /x/f"
	f := func(name string, a args) {
		a["path"] = "/x/f"
		add(Scenario{Module: "community.general.ini_file", Name: name, Setup: ini, Args: a, Paths: "~$"})
	}
	f("a new option", args{"section": "one", "option": "z", "value": "9"})
	f("the same", args{"section": "one", "option": "a", "value": "1"})
	f("another value", args{"section": "one", "option": "a", "value": "2", "no_extra_spaces": true, "mode": "0600"})
	f("turned off before", args{"section": "one", "option": "b", "value": "3"})
	f("a new section", args{"section": "three", "option": "x", "value": "y"})
	f("only a section", args{"section": "three", "allow_no_value": true})
	f("gone", args{"section": "one", "option": "a", "state": "absent"})
	f("no such option", args{"section": "one", "option": "none", "state": "absent"})
	f("a section gone", args{"section": "one", "state": "absent"})
	f("without a value", args{"section": "one", "option": "q", "allow_no_value": true})
	f("a value missing", args{"section": "one", "option": "q"})
	f("twice", args{"section": "two", "option": "c", "value": "3"})

	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxsv6ApHlM3uZq2y6OOL5TTexU+Mj3BKCF7i85r77kj"
	const other = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCNu5sv5D7qxGdLOsOArjhj1siKXpSk5p0b3drQqwxb"
	k := func(name string, a args) {
		if a["user"] == nil {
			a["user"] = "jo"
		}
		add(Scenario{Module: "ansible.posix.authorized_key", Name: name, Args: a, Setup: "useradd -m jo; useradd -m ann; mkdir -m 700 /home/ann/.ssh; printf 'from=\"1.2.3.4\",no-pty " + other + " a comment\\n# note\\n' > /home/ann/.ssh/authorized_keys; chown -R ann: /home/ann/.ssh"})
	}
	k("the first", args{"key": key + " me@x"})
	k("one more", args{"user": "ann", "key": key})
	k("with options", args{"user": "ann", "key": key, "key_options": "no-agent-forwarding", "comment": "c c"})
	k("there already", args{"user": "ann", "key": `from="1.2.3.4",no-pty ` + other + " a comment"})
	k("gone", args{"user": "ann", "key": other, "state": "absent"})
	k("only this one", args{"user": "ann", "key": key, "exclusive": true})
	k("no key", args{"user": "ann", "key": "nonsense"})
	k("nobody", args{"user": "none", "key": key})
	scenarios[len(scenarios)-1].Ignore = []string{"msg"}

	const sysctl = "printf 'vm.swappiness = 60\\n# note\\nkernel.x=1' > /etc/gs.conf"
	s := func(name string, a args) {
		a["sysctl_file"], a["reload"] = "/etc/gs.conf", false
		add(Scenario{Module: "ansible.posix.sysctl", Name: name, Setup: sysctl, Args: a})
	}
	s("a new one", args{"name": "vm.overcommit_memory", "value": "1"})
	s("the same", args{"name": "vm.swappiness", "value": "60"})
	s("another value", args{"name": "vm.swappiness", "value": "10"})
	s("gone", args{"name": "vm.swappiness", "state": "absent"})
	s("nothing to remove", args{"name": "vm.none", "state": "absent"})
	s("no value", args{"name": "vm.swappiness"})

	add(
		Scenario{Module: "hostname", Name: "another name", Args: args{"name": "gs-test.example.org", "use": "debian"}, Only: true, Why: "Ansible asks systemd, which does not run"},
		Scenario{Module: "community.general.modprobe", Name: "none to unload", Args: args{"name": "gs_none", "state": "absent"}, Only: true, Why: "Ansible wants modprobe for nothing"},
	)
	const jobs = "printf 'MAILTO=\"x\"\\n# mine\\n1 2 * * * /bin/true\\n#Ansible: there\\n0 5 * * * /bin/there\\n' | crontab -; printf '#Ansible: f\\n0 1 * * * root /bin/f\\n' > /etc/cron.d/gs"
	c := func(name string, a args) {
		add(Scenario{Module: "cron", Name: name, Setup: jobs, Args: a, Verify: "crontab -l; ls -l /etc/cron.d/gs* | cut -c1-10; cat /etc/cron.d/gs* || :", Paths: "/var/spool/cron|/var/spool$"})
	}
	c("a new job", args{"name": "new", "minute": "5", "hour": "1,3", "job": "/bin/new > /dev/null"})
	c("the same job", args{"name": "there", "minute": "0", "hour": "5", "job": "/bin/there"})
	c("at another time", args{"name": "there", "special_time": "daily", "job": "/bin/there"})
	c("turned off", args{"name": "there", "minute": "0", "hour": "5", "job": "/bin/there", "disabled": true})
	c("gone", args{"name": "there", "state": "absent"})
	c("nothing to remove", args{"name": "none", "state": "absent"})
	c("a file", args{"name": "x", "cron_file": "gs-new", "user": "daemon", "job": "/bin/x"})
	c("a job of a file gone", args{"name": "f", "cron_file": "gs", "user": "root", "state": "absent"})
	c("a variable", args{"name": "PATH", "env": true, "job": "/bin:/opt/bin"})
	c("another variable", args{"name": "MAILTO", "env": true, "job": "me"})
	c("a variable gone", args{"name": "MAILTO", "env": true, "state": "absent"})
	c("no job", args{"name": "x"})
	c("two times", args{"name": "x", "job": "y", "minute": "1", "special_time": "daily"})
	c("a file without a user", args{"name": "x", "cron_file": "gs-new", "job": "/bin/x"})

	add(
		Scenario{Module: "wait_for", Name: "a file", Setup: "mkdir /x; echo 'pid 42 ready' > /x/f", Args: args{"path": "/x/f", "search_regex": `pid (?P<pid>\d+)`, "timeout": 2}},
		Scenario{Module: "wait_for", Name: "no file", Args: args{"path": "/x/none", "timeout": 1}, Ignore: []string{"elapsed"}},
		Scenario{Module: "wait_for", Name: "a file gone", Args: args{"path": "/x/none", "state": "absent", "timeout": 1}},
		Scenario{Module: "wait_for", Name: "a closed port", Args: args{"port": 1, "timeout": 1}, Ignore: []string{"elapsed"}},
		Scenario{Module: "wait_for", Name: "a port that stopped", Args: args{"port": 1, "state": "stopped", "timeout": 1}},
		Scenario{Module: "wait_for", Name: "both", Args: args{"port": 1, "path": "/x"}},
	)
	const hosts = "mkdir /x; printf 'a.example " + key + "\\n[b.example]:22,c.example " + other + "\\n' > /x/kh"
	h := func(name string, a args) {
		a["path"] = "/x/kh"
		add(Scenario{Module: "known_hosts", Name: name, Setup: hosts, Args: a})
	}
	h("a new one", args{"name": "n.example", "key": "n.example " + key})
	h("there already", args{"name": "a.example", "key": "a.example " + key})
	h("gone", args{"name": "c.example", "state": "absent"})
	scenarios[len(scenarios)-1].Ignore, scenarios[len(scenarios)-1].Paths = []string{"diff"}, "/x/kh.old" // of ssh-keygen
	h("nothing to remove", args{"name": "n.example", "state": "absent"})
	h("no key", args{"name": "n.example"})
	scenarios[len(scenarios)-1].Ignore = []string{"msg"}

	const fstab = "mkdir /x; printf '# note\\n/dev/sda1 / ext4 defaults 0 1\\ntmpfs /x/t tmpfs size=1m 0 0' > /x/fstab; cp /x/fstab /etc/fstab"
	m := func(name string, a args) {
		add(Scenario{Module: "ansible.posix.mount", Name: name, Setup: fstab, Args: a, Verify: "mount | grep ' /x/' || :; umount /x/m 2>/dev/null || :"})
	}
	m("a new line", args{"path": "/x/m y", "src": "LABEL=a b", "fstype": "ext4", "opts": "noatime", "state": "present", "fstab": "/x/fstab"})
	m("the same line", args{"path": "/x/t", "src": "tmpfs", "fstype": "tmpfs", "opts": "size=1m", "state": "present", "fstab": "/x/fstab"})
	m("another line", args{"path": "/x/t", "src": "tmpfs", "fstype": "tmpfs", "state": "present", "fstab": "/x/fstab", "opts": "noexec"})
	m("gone", args{"path": "/x/t", "state": "absent", "fstab": "/x/fstab"})
	m("no source", args{"path": "/x/t", "state": "mounted"})
	add(Scenario{Module: "ansible.posix.mount", Name: "mounted", Setup: fstab, Args: args{"path": "/x/m", "src": "tmpfs", "fstype": "tmpfs", "opts": "size=1m", "state": "mounted"}, Only: true, Why: "checked by findmnt in both", Verify: "findmnt /x/m"})

	const repos = `export HOME=/root; git config --global init.defaultBranch main; git config --global user.email a@b; git config --global user.name n; git config --global safe.directory '*'
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git init -q /r; cd /r; echo 1 > a; git add a; git commit -qm one; git tag v1; git tag -a -m x v1a; git branch side; echo 2 > a; git commit -qam two; git clone -q file:///r /old; cd /old; git reset -q --hard v1; cd /r; echo 3 > a; git commit -qam three; git clone -q file:///r /new; git clone -q file:///r /dirty; echo x > /dirty/a`
	g := func(name string, a args) {
		a["repo"] = "file:///r"
		add(Scenario{
			Module: "git", Name: name, Setup: repos, Args: a, Paths: `/\.git(/|$)|^/bare(/|$)`, Ignore: []string{"diff", "msg", "cmd", "stdout", "stderr", "rc"},
			Verify: "export HOME=/root; for d in /c /old /new /dirty /bare; do [ ! -e $d ] || { git -C $d rev-parse HEAD || :; git -C $d branch --show-current || :; }; done",
		})
	}
	g("a clone", args{"dest": "/c"})
	g("a tag", args{"dest": "/c", "version": "v1"})
	g("an annotated tag", args{"dest": "/c", "version": "v1a"})
	g("a branch", args{"dest": "/c", "version": "side"})
	g("shallow", args{"dest": "/c", "depth": 1})
	g("bare", args{"dest": "/bare", "bare": true})
	g("up to date", args{"dest": "/new"})
	g("behind", args{"dest": "/old"})
	g("behind, left", args{"dest": "/old", "update": false})
	g("to a branch", args{"dest": "/new", "version": "side"})
	g("local changes", args{"dest": "/dirty"})
	g("local changes dropped", args{"dest": "/dirty", "force": true})
	scenarios[len(scenarios)-1].IgnoreCheck = []string{"changed"}
	g("no such version", args{"dest": "/c", "version": "none"})
	scenarios[len(scenarios)-1].Only = true // Ansible leaves a clone at another version
	g("not cloned", args{"dest": "/c", "clone": false})
	scenarios[len(scenarios)-1].Again = true
}
