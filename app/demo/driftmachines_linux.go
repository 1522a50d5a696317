package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed machine.sh
var machineScript string

// machinePlaybook is what hosts with an sshd and a root of their own should be like. Its last task cannot be checked, and is never counted as good.
const machinePlaybook = `- hosts: all
  gather_facts: false
  tasks:
    - name: the greeting
      copy: {content: "welcome to {{ inventory_hostname }}\n", dest: /etc/motd, mode: "0644"}
    - name: the package
      apt: {deb: /srv/demo-shop.deb}
    - name: no guest
      user: {name: demo-guest, state: absent}
    - name: the limit
      lineinfile: {path: /etc/security/limits.conf, line: "demo soft nofile 1024", regexp: "^demo soft nofile"}
    - name: the key
      copy: {content: "not a real key\n", dest: /etc/demo-shop.key, mode: "0600"}
    - name: say that it was set up
      shell: echo set up >> /var/log/demo-shop
`

const (
	machineHosts = 6
	machineStart = 20 * time.Second
)

// lab is machines that run.
type lab struct {
	dir, config string
	running     []*exec.Cmd
	mounted     bool
}

// machines are hosts with an sshd, a root and processes of their own, on loopback addresses. The error says what they lack here.
func machines(ctx context.Context, dir string) (h *driftHosts, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("they need root")
	}
	for _, tool := range []string{"sshd", "ssh", "ssh-keygen", "unshare", "setpriv", "mount", "umount", "apt-get", "dpkg-deb", "dpkg", "useradd"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("they need %s", tool)
		}
	}
	l := &lab{dir: filepath.Join(dir, "hosts"), config: filepath.Join(dir, "ssh_config")}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.end())
		}
	}()
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		return nil, err
	}
	if err := command(ctx, "mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", "demo", l.dir); err != nil {
		return nil, err
	}
	l.mounted = true
	if err := l.start(ctx); err != nil {
		return nil, err
	}
	return l.hosts(), nil
}

func (l *lab) hosts() *driftHosts {
	h := &driftHosts{what: "each with an sshd and a root of its own", names: hostNames(1, machineHosts), playbook: machinePlaybook, end: l.end}
	h.inventory = "[all:vars]\nansible_ssh_common_args=-F " + l.config + "\n[all]\n" + strings.Join(h.names, "\n") + "\n"
	on := func(line string) func(context.Context, string) error {
		return func(ctx context.Context, host string) error {
			return command(ctx, "ssh", "-F", l.config, "-o", "BatchMode=yes", host, line)
		}
	}
	h.plants = []planted{
		{"the greeting", "edits a file that is managed", hostNames(1, 4), asked, on("echo hello > /etc/motd")},
		{"the package", "removes a package", hostNames(2, 2), corrected, on("dpkg --purge demo-shop")},
		{"no guest", "adds a user", hostNames(5, 5), corrected, on("useradd demo-guest")},
		{"the limit", "raises the limit for a load test", hostNames(6, 6), stays, on("sed -i 's/nofile 1024/nofile 65536/' /etc/security/limits.conf")},
	}
	return h
}

// start boots the machines, with a package that they can install without a network.
func (l *lab) start(ctx context.Context) error {
	key, known := filepath.Join(l.dir, "id"), filepath.Join(l.dir, "known_hosts")
	if err := errors.Join(keygen(ctx, key), l.pack(ctx), os.WriteFile(filepath.Join(l.dir, "machine.sh"), []byte(machineScript), 0o600)); err != nil {
		return err
	}
	var hosts, keys strings.Builder
	for i, name := range hostNames(1, machineHosts) {
		dir := filepath.Join(l.dir, name)
		for _, sub := range []string{"up/srv", "work", "root"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				return err
			}
		}
		deb, err := os.ReadFile(filepath.Join(l.dir, "demo-shop.deb"))
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "up/srv/demo-shop.deb"), deb, 0o644), keygen(ctx, filepath.Join(dir, "hostkey"))); err != nil { //nolint:gosec // anybody may read it
			return err
		}
		public, err := os.ReadFile(filepath.Join(dir, "hostkey.pub"))
		if err != nil {
			return err
		}
		address, port, err := l.boot(ctx, dir, name, i, key+".pub")
		if err != nil {
			return err
		}
		fmt.Fprintf(&hosts, "Host %s\n  HostName %s\n  Port %s\n", name, address, port)
		fmt.Fprintf(&keys, "[%s]:%s %s", address, port, public)
	}
	fmt.Fprintf(&hosts, "Host *\n  User root\n  IdentityFile %s\n  IdentityAgent none\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile none\n  LogLevel ERROR\n", key, known)
	return errors.Join(os.WriteFile(l.config, []byte(hosts.String()), 0o600), os.WriteFile(known, []byte(keys.String()), 0o600))
}

// boot starts one machine and waits until its sshd answers.
func (l *lab) boot(ctx context.Context, dir, name string, i int, let string) (address, port string, err error) {
	address = fmt.Sprintf("127.88.%d.%d", os.Getpid()%250+1, i+1)
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", "", fmt.Errorf("address of %s: %w", name, err)
	}
	_, port, err = net.SplitHostPort(free.Addr().String())
	if err := errors.Join(err, free.Close()); err != nil {
		return "", "", err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", filepath.Join(l.dir, "machine.sh"), "outside", dir, name, address, port, let)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return "", "", fmt.Errorf("start %s: %w", name, err)
	}
	l.running = append(l.running, cmd)
	ctx, stop := context.WithTimeout(ctx, machineStart)
	defer stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(address, port))
		if err == nil {
			return address, port, conn.Close()
		}
		select {
		case <-ctx.Done():
			return "", "", errors.Join(fmt.Errorf("%s does not answer on %s:%s", name, address, port), l.end(), errors.New(strings.TrimSpace(said.String())))
		case <-tick.C:
		}
	}
}

// pack makes the package that hosts should have.
func (l *lab) pack(ctx context.Context) error {
	control := filepath.Join(l.dir, "package", "DEBIAN", "control")
	if err := os.MkdirAll(filepath.Dir(control), 0o755); err != nil {
		return err
	}
	text := "Package: demo-shop\nVersion: 1\nArchitecture: all\nMaintainer: goodstate <demo@localhost>\nDescription: a package of the demo\n"
	if err := os.WriteFile(control, []byte(text), 0o644); err != nil { //nolint:gosec // dpkg-deb wants it so
		return err
	}
	return command(ctx, "dpkg-deb", "-b", filepath.Join(l.dir, "package"), filepath.Join(l.dir, "demo-shop.deb"))
}

// end stops the machines and takes their disks away. It may be called twice.
func (l *lab) end() error {
	for _, cmd := range l.running {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended by itself
		_ = cmd.Wait()                                      // it was killed
	}
	l.running = nil
	if !l.mounted {
		return nil
	}
	l.mounted = false
	ctx, stop := context.WithTimeout(context.Background(), machineStart)
	defer stop()
	return command(ctx, "umount", "-l", l.dir)
}

func keygen(ctx context.Context, path string) error {
	return command(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo "+strconv.Itoa(os.Getpid()), "-f", path)
}

// command runs a program of the machine; the error has what it said.
func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
