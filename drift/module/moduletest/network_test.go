package moduletest

import "testing"

// TestPacketFilter needs a network of its own: its rules are the kernel's.
func TestPacketFilter(t *testing.T) {
	pair := NewPair(t, true)
	clean := "iptables -F; iptables -P FORWARD ACCEPT; iptables -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
	for name, a := range map[string]args{
		"a port":          {"chain": "INPUT", "protocol": "tcp", "destination_port": "80", "jump": "ACCEPT", "comment": "web it is"},
		"there already":   {"chain": "INPUT", "protocol": "tcp", "match": "tcp", "destination_port": "22", "jump": "ACCEPT"},
		"first":           {"chain": "INPUT", "source": "!10.0.0.0/8", "in_interface": "lo", "jump": "DROP", "action": "insert"},
		"gone":            {"chain": "INPUT", "protocol": "tcp", "match": "tcp", "destination_port": "22", "jump": "ACCEPT", "state": "absent"},
		"nothing to drop": {"chain": "INPUT", "protocol": "udp", "jump": "ACCEPT", "state": "absent"},
		"states":          {"chain": "INPUT", "ctstate": []any{"ESTABLISHED", "RELATED"}, "jump": "ACCEPT"},
		"several ports":   {"chain": "INPUT", "protocol": "tcp", "destination_ports": []any{"80", "8000:8010"}, "jump": "ACCEPT"},
		"a policy":        {"chain": "FORWARD", "policy": "DROP"},
		"rejected":        {"chain": "INPUT", "protocol": "tcp", "reject_with": "tcp-reset", "limit": "5/minute", "limit_burst": "7"},
		"neither":         {"jump": "ACCEPT"},
	} {
		t.Run(name, func(t *testing.T) {
			pair.Run(t, Scenario{Module: "iptables", Name: name, Setup: clean, Args: a, Verify: "iptables-save | grep -v '^[#:]' ; iptables -S FORWARD", Paths: "xtables", Ignore: []string{"rule"}})
		})
	}
}

func init() {
	add(
		Scenario{Module: "iptables", Name: "no chain", Args: args{"jump": "ACCEPT"}},
		Scenario{Module: "async_status", Name: "a job", Setup: `mkdir -p /root/.ansible_async; echo '{"started": 1, "finished": 0, "ansible_job_id": "j1.2"}' > /root/.ansible_async/j1.2`, Args: args{"jid": "j1.2"}, Only: true, Why: "the folder comes from the controller"},
		Scenario{Module: "pip", Name: "no pip", Setup: "mkdir -p /x/venv/bin; touch /x/venv/bin/activate", Args: args{"name": "six", "virtualenv": "/x/venv"}, Only: true, Why: "Ansible's own wants setuptools"},
		Scenario{Module: "community.general.alternatives", Name: "another one", Setup: "update-alternatives --install /usr/bin/gs-x gs-x /bin/true 10 >/dev/null; update-alternatives --install /usr/bin/gs-x gs-x /bin/false 20 >/dev/null", Args: args{"name": "gs-x", "path": "/bin/true"}, Ignore: []string{"msg", "diff", "stdout"}, Verify: "readlink -f /usr/bin/gs-x"},
		Scenario{Module: "community.general.alternatives", Name: "a new one", Args: args{"name": "gs-x", "path": "/bin/true", "link": "/usr/bin/gs-x", "priority": 5}, Ignore: []string{"msg", "diff", "stdout"}, Verify: "readlink -f /usr/bin/gs-x"},
	)
}
