package moduletest

func init() {
	const sources = "rm -f /etc/apt/sources.list.d/*; printf 'deb http://one.example/debian stable main\\n# deb http://two.example/debian stable main\\n# a comment\\n' > /etc/apt/sources.list"
	repo := func(name string, a args) {
		a["update_cache"] = false
		add(Scenario{Module: "apt_repository", Name: name, Setup: sources, Args: a, Ignore: []string{"diff", "sources_added", "sources_removed"}, Why: "Ansible's diff has all files, also those that stay; later releases name the files"})
	}
	repo("a new one", args{"repo": "deb [arch=amd64] https://user:pw@three.example/debian-x stable main"})
	repo("a new one with a name", args{"repo": "deb http://three.example/ ./", "filename": "three", "mode": "0640"})
	repo("there already", args{"repo": "deb http://one.example/debian stable main"})
	repo("turned off", args{"repo": "deb http://two.example/debian stable main"})
	repo("gone", args{"repo": "deb http://one.example/debian stable main", "state": "absent"})
	repo("nothing to remove", args{"repo": "deb http://three.example/debian stable main", "state": "absent"})
	repo("no source", args{"repo": "http://three.example"})
	scenarios[len(scenarios)-1].Ignore = []string{"msg"}
	add(
		Scenario{
			Module: "deb822_repository", Name: "a new one", Setup: sources, Only: true, Why: "this release of Ansible has none",
			Args: args{"name": "My Repo_1", "uris": "http://x.example/", "suites": []any{"a", "b"}, "components": "main", "enabled": true, "signed_by": "line\n\nend"},
		},
		Scenario{Module: "deb822_repository", Name: "gone", Setup: "echo x > /etc/apt/sources.list.d/a.sources", Args: args{"name": "a", "state": "absent"}, Only: true, Why: "this release of Ansible has none"},
		Scenario{Module: "dpkg_selections", Name: "held", Args: args{"name": "bash", "selection": "hold"}, Paths: "/var/lib/dpkg", Verify: "dpkg --get-selections bash"},
		Scenario{Module: "dpkg_selections", Name: "as it is", Args: args{"name": "bash", "selection": "install"}},
		Scenario{Module: "debconf", Name: "an answer", Args: args{"name": "adduser", "question": "adduser/homedir-permission", "value": "False", "vtype": "boolean"}, Verify: "debconf-show adduser"},
		Scenario{Module: "debconf", Name: "a new question", Args: args{"name": "gs", "question": "gs/word", "value": "two words", "vtype": "string"}, Verify: "debconf-show gs"},
		Scenario{Module: "debconf", Name: "asked", Args: args{"name": "adduser"}},
		Scenario{Module: "debconf", Name: "half a question", Args: args{"name": "adduser", "question": "x"}},
		Scenario{Module: "package", Name: "there already", Args: args{"name": "bash"}, Only: true, Why: "the controller names the module"},
		Scenario{Module: "package_facts", Name: "all", Args: args{}, Facts: true, Ignore: []string{"facts"}, Paths: "rpmdb"},
		Scenario{Module: "service_facts", Name: "all", Args: args{}, Facts: true},
		Scenario{Module: "service", Name: "started", Args: args{"name": "cron", "state": "started"}, Only: true, Why: "its status is what process 1 of the scratch root says"},
		Scenario{Module: "service", Name: "no such service", Args: args{"name": "gs-none", "state": "started"}, Ignore: []string{"msg"}},
		Scenario{Module: "service", Name: "not enabled", Args: args{"name": "cron", "enabled": false}, Only: true, Why: "without a running systemd Ansible asks systemctl, and we init.d"},
		Scenario{Module: "sysvinit", Name: "no such service", Args: args{"name": "gs-none", "state": "started"}, Only: true},
		Scenario{Module: "systemd", Name: "no such unit", Args: args{"name": "gs-none", "state": "started"}, Ignore: []string{"msg", "cmd", "rc", "stdout", "stderr"}},
		Scenario{Module: "systemd", Name: "nothing asked", Args: args{"name": "cron"}},
		Scenario{Module: "systemd", Name: "no name", Args: args{"state": "started"}},
	)
}
