package moduletest

import (
	"os"
	"testing"
)

// TestUnitsOfARealSystemd runs systemd itself as process 1 of a namespace.
func TestUnitsOfARealSystemd(t *testing.T) {
	pair := NewPair(t, true)
	const units = `rm -f /etc/systemd/system/*.wants/*; cat > /etc/systemd/system/gs-demo.service <<'END'
[Service]
ExecStart=/bin/sh -c 'echo up; exec sleep 1000'
ExecReload=/bin/true
[Install]
WantedBy=multi-user.target
END
`
	const running = units + "systemctl enable -q gs-demo"
	const started = "SYSTEMD_IGNORE_CHROOT=1 systemctl start gs-demo"
	for _, c := range []struct {
		name, module, setup string
		args                args
		again, slow         bool
	}{
		{"started and enabled", "systemd", units, args{"name": "gs-demo", "state": "started", "enabled": true}, false, false},
		{"running already", "systemd", running, args{"name": "gs-demo.service", "state": "started", "enabled": true}, false, true},
		{"stopped", "systemd", running, args{"name": "gs-demo", "state": "stopped"}, false, true},
		{"disabled", "systemd", running, args{"name": "gs-demo", "enabled": false}, false, true},
		{"masked", "systemd", units, args{"name": "gs-demo2", "masked": true}, false, true},
		{"restarted", "systemd", running, args{"name": "gs-demo", "state": "restarted"}, true, true},
		{"reloaded", "systemd", running, args{"name": "gs-demo", "state": "reloaded"}, true, true},
		{"no such unit", "systemd", units, args{"name": "gs-none", "state": "started"}, false, false},
		{"by service", "service", running, args{"name": "gs-demo", "state": "stopped", "enabled": false}, false, true},
		{"facts", "service_facts", running, nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && os.Getenv("E2E_ALL") == "" {
				t.Log("left out: it runs where E2E_ALL is set")
				return
			}
			booted := ""
			if c.setup == running {
				booted = started
			}
			pair.Run(t, Scenario{
				Booted: booted,
				Module: c.module, Name: c.name, Setup: c.setup, Args: c.args, Boot: true, Again: c.again, Ignore: []string{"status", "facts"}, Facts: true,
				Env: map[string]string{"SYSTEMD_IGNORE_CHROOT": "1"}, Only: c.module == "service", Why: "the controller calls systemd for it",
				Paths:  "^/(var|etc/(machine-id|resolv.conf))",
				Verify: "export SYSTEMD_IGNORE_CHROOT=1; systemctl is-active gs-demo || :; systemctl is-enabled gs-demo || :; systemctl is-enabled gs-demo2 2>&1 || :",
			})
		})
	}
}
