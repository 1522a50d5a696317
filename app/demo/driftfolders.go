package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// folderPlaybook is what toy hosts that are folders should be like. Its last task cannot be checked, and is never counted as good.
const folderPlaybook = `- hosts: all
  gather_facts: false
  tasks:
    - name: the folder of parts
      file: {path: "{{ root }}/conf.d", state: directory, mode: "0755"}
    - name: the greeting
      copy: {content: "welcome to {{ inventory_hostname }}\n", dest: "{{ root }}/motd", mode: "0644"}
    - name: no root logins
      lineinfile: {path: "{{ root }}/sshd_config", line: "PermitRootLogin no", regexp: "^PermitRootLogin", create: true, mode: "0600"}
    - name: the limit
      lineinfile: {path: "{{ root }}/limits", line: "nofile 1024", regexp: "^nofile", create: true, mode: "0644"}
    - name: the key
      copy: {content: "not a real key\n", dest: "{{ root }}/key", mode: "0600"}
    - name: no foreign part
      file: {path: "{{ root }}/conf.d/extra.conf", state: absent}
    - name: say that it was set up
      shell: "echo set up >> {{ root }}/log"
`

const folderHosts = 12

// folders are hosts that need nothing but this program: each is a folder of this machine.
func folders(dir string) (*driftHosts, error) {
	h := &driftHosts{what: "each a folder of this machine", names: hostNames(1, folderHosts), playbook: folderPlaybook, end: func() error { return nil }}
	var errs []error
	var inventory strings.Builder
	for _, name := range h.names {
		root := filepath.Join(dir, name)
		errs = append(errs, os.Mkdir(root, 0o700))
		fmt.Fprintf(&inventory, "%s ansible_connection=local root='%s'\n", name, root)
	}
	h.inventory = inventory.String()
	in := func(do func(root string) error) func(context.Context, string) error {
		return func(_ context.Context, host string) error { return do(filepath.Join(dir, host)) }
	}
	h.plants = []planted{
		{"the greeting", "edits the greeting", hostNames(1, 9), asked, in(func(root string) error { return rewrite(filepath.Join(root, "motd"), "hello\n") })},
		{"no root logins", "removes the line that forbids root logins", hostNames(3, 3), corrected, in(func(root string) error { return rewrite(filepath.Join(root, "sshd_config"), "") })},
		{"the key", "lets everybody read the key", hostNames(5, 6), corrected, in(func(root string) error { return os.Chmod(filepath.Join(root, "key"), 0o644) })}, //nolint:gosec // that is what is to be found
		{"no foreign part", "adds a file to conf.d", hostNames(12, 12), corrected, in(func(root string) error { return rewrite(filepath.Join(root, "conf.d", "extra.conf"), "debug on\n") })},
		{"the limit", "raises the limit for a load test", hostNames(11, 11), stays, in(func(root string) error { return rewrite(filepath.Join(root, "limits"), "nofile 65536\n") })},
	}
	return h, errors.Join(errs...)
}

// rewrite puts text into a file and leaves the mode of one that is there.
func rewrite(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o600)
}

func hostNames(first, last int) (names []string) {
	for i := first; i <= last; i++ {
		names = append(names, fmt.Sprintf("web%d", i))
	}
	return names
}
