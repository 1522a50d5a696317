package drift

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

const movingPlay = `
- hosts: all
  gather_facts: false
  tasks:
    - ping:
    - synchronize: {src: tree/, dest: /srv/tree, delete: true}
    - synchronize: {src: tree/, dest: /srv/tree, delete: true}
      register: again
    - assert: {that: not again.changed}
    - synchronize: {src: /srv/tree/, dest: back/, mode: pull}
    - reboot:
        reboot_command: touch /var/tmp/rebooting
        boot_time_command: cat /run/bootid 2>/dev/null || (date +%s%N >/run/bootid; cat /run/bootid)
        reboot_timeout: 100
        connect_timeout: 2
      register: rebooted
    - assert: {that: rebooted.rebooted}
    - wait_for_connection: {timeout: 60}
    - command: id -un
      become: true
      become_user: ops
      register: who
    - assert: {that: who.stdout == "ops"}
`

// TestAPlayFollowsAHostThroughARestart brings folders to a host and back, restarts the host, and goes on.
func TestAPlayFollowsAHostThroughARestart(t *testing.T) {
	if real.Need(t, "rsync") == "" {
		return
	}
	all := real.StartMachines(t, 2, false)
	if all == nil {
		return
	}
	m, dead := all[0], all[1]
	dead.Kill(t)
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inventory := "[all:vars]\nansible_ssh_common_args=-F " + m.Config + "\n[all]\n" + m.Name + "\n" + dead.Name + "\n"
	for name, text := range map[string]string{"hosts": inventory, "play.yml": movingPlay, "tree/a": "a", "tree/b/c": "c"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m.Do(t, "mkdir -p /srv/tree && touch /srv/tree/old")
	var out bytes.Buffer
	cmd := exec.Command(bin, "playbook", "-i", "hosts", "play.yml")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	asked := false
	real.Eventually(t, 100*time.Second, "the host is asked to restart", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("it ended before: %v\n%s", err, out.String())
		default:
		}
		asked = asked || m.Do(t, "ls /var/tmp") != "" && strings.Contains(m.Do(t, "ls /var/tmp"), "rebooting")
		return asked
	})
	m.Kill(t)
	m.Start(t)
	<-ended
	if code := cmd.ProcessState.ExitCode(); code != 4 { // the other host is not there
		t.Errorf("exit code %d, want 4\n%s", code, out.String())
	}
	for _, want := range []string{m.Name + " ", "unreachable=0    failed=0", dead.Name + " ", "unreachable=1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if got := m.Do(t, "cd /srv/tree && find . -type f | sort | tr '\\n' ' '"); got != "./a ./b/c" {
		t.Errorf("the host has %q, want what is in the folder here", got)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "back", "b", "c")); err != nil || string(text) != "c" {
		t.Errorf("%q %v, want c back here", text, err)
	}
}
