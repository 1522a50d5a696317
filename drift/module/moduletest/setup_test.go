package moduletest

func init() {
	const local = `mkdir -p /etc/ansible/facts.d; cd /etc/ansible/facts.d
printf '[one]\nA=1\nb: two\n' > ini.fact; echo '{"x": [1, 2.5, null]}' > j.fact; printf '#!/bin/sh\necho "{\\"pid\\": true}"' > run.fact; chmod +x run.fact
echo nonsense > bad.fact; printf '#!/bin/sh\nexit 3' > fails.fact; chmod +x fails.fact`
	moving := []string{}
	for _, name := range []string{
		"loadavg", "memfree_mb", "memory_mb", "uptime_seconds", "date_time", "env", "mounts", "python.executable", "processor_nproc", "interfaces", "system_capabilities",
		"selinux_python_present", "python", "python_version", "device_links", "virtualization_tech_guest", "is_chroot",
	} {
		moving = append(moving, "facts.ansible_"+name)
	}
	setup := func(name string, a args) {
		add(Scenario{Module: "setup", Name: name, Setup: local, Args: a, Facts: true, Ignore: moving})
	}
	setup("everything", args{})
	setup("little", args{"gather_subset": []any{"!all"}})
	setup("nothing", args{"gather_subset": []any{"!all", "!min"}})
	setup("network", args{"gather_subset": []any{"!all", "!min", "network"}})
	setup("one fact's group", args{"gather_subset": "!all,!min,os_family"})
	setup("not hardware", args{"gather_subset": "!hardware,!virtual"})
	setup("filtered", args{"filter": []any{"ansible_dist*", "os_family"}})
	setup("own facts", args{"gather_subset": []any{"!all", "!min", "local"}, "filter": "ansible_local"})
	setup("no group", args{"gather_subset": "nothing_like_this"})
	scenarios[len(scenarios)-1].Ignore = []string{"msg"} // it lists all names
}
