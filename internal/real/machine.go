package real

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

//go:embed machine.sh
var machineScript string

// Machine is a host of its own as far as programs can tell: its own root (what it writes is its own), processes, name and loopback
// address, with an sshd that lets root and the account "ops" in. Its network is this machine's loopback.
type Machine struct {
	Name    string
	Address string
	Port    int    // of sshd
	Config  string // client configuration that has all machines by their names
	Key     string // private key file that is let in
	Known   string // known_hosts file that knows all machines
	dir     string // its part of the lab's folder
	lab     string
	systemd bool
	cmd     *exec.Cmd
	ended   chan struct{}
}

// StartMachines starts n machines, which are gone when the test ends; with systemd that is their first process. It needs root, and
// is nil where WITHOUT has sshd.
func StartMachines(t testing.TB, n int, systemd bool) []*Machine {
	t.Helper()
	if Need(t, "sshd") == "" {
		return nil
	}
	if os.Geteuid() != 0 {
		t.Fatal("machines of their own need root (or WITHOUT=sshd)")
	}
	lab, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4g,mode=0755", "machines", lab).CombinedOutput(); err != nil {
		t.Fatalf("room for the machines' disks: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", lab).CombinedOutput(); err != nil {
			t.Errorf("removing the machines' disks: %v\n%s", err, out)
		}
		if err := os.RemoveAll(lab); err != nil {
			t.Error(err)
		}
	})
	key, known, config := filepath.Join(lab, "id"), filepath.Join(lab, "known_hosts"), filepath.Join(lab, "config")
	Keygen(t, key)
	var hosts, keys strings.Builder
	net2, net3 := 64+rand.IntN(60), 1+rand.IntN(250)
	var all []*Machine
	for i := range n {
		m := &Machine{
			Name: fmt.Sprintf("m%d", i+1), Address: fmt.Sprintf("127.%d.%d.%d", net2, net3, i+1), Port: FreePort(t),
			Config: config, Key: key, Known: known, lab: lab, systemd: systemd,
		}
		m.dir = filepath.Join(lab, m.Name)
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		Keygen(t, filepath.Join(m.dir, "hostkey"))
		fmt.Fprintf(&hosts, "Host %s\n  HostName %s\n  Port %d\n", m.Name, m.Address, m.Port)
		fmt.Fprintf(&keys, "[%s]:%d %s", m.Address, m.Port, read(t, filepath.Join(m.dir, "hostkey.pub")))
		all = append(all, m)
	}
	fmt.Fprintf(&hosts, "Host *\n  User root\n  IdentityFile %s\n  IdentityAgent none\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile none\n", key, known)
	for path, text := range map[string]string{config: hosts.String(), known: keys.String(), filepath.Join(lab, "machine.sh"): machineScript} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range all {
		m.begin(t)
		t.Cleanup(func() { m.Kill(t) })
	}
	for _, m := range all {
		m.ready(t)
	}
	return all
}

// begin boots the machine.
func (m *Machine) begin(t testing.TB) {
	t.Helper()
	first := "sshd"
	if m.systemd {
		first = "systemd"
	}
	log, err := os.Create(filepath.Join(m.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	m.cmd = exec.Command("/bin/bash", filepath.Join(m.lab, "machine.sh"), "outside", m.dir, m.Name, m.Address, strconv.Itoa(m.Port), filepath.Join(m.lab, "id.pub"), first)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		t.Fatalf("starting machine %s: %v", m.Name, err)
	}
	m.ended = make(chan struct{})
	go func() {
		_ = m.cmd.Wait() // it is killed
		_ = log.Close()
		close(m.ended)
	}()
}

// Start boots the machine again after Kill, with the disk that it had.
func (m *Machine) Start(t testing.TB) {
	t.Helper()
	m.begin(t)
	m.ready(t)
}

func (m *Machine) ready(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(m.Address, strconv.Itoa(m.Port)), time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-m.ended:
			t.Fatalf("machine %s ended at once:\n%s", m.Name, m.log())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("machine %s does not answer: %v\n%s", m.Name, err, m.log())
		}
	}
}

func (m *Machine) log() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// Kill ends all that runs on the machine, as when its power is cut.
func (m *Machine) Kill(t testing.TB) {
	t.Helper()
	select {
	case <-m.ended:
		return
	default:
	}
	_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL) // it may just have ended
	<-m.ended
	Eventually(t, 20*time.Second, "all of machine "+m.Name+" has ended", func() bool {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(m.Address, strconv.Itoa(m.Port)), time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	out, err := exec.Command("/bin/bash", filepath.Join(m.lab, "machine.sh"), "after", m.dir).CombinedOutput()
	if err != nil {
		t.Errorf("tidying up after machine %s: %v\n%s", m.Name, err, out)
	}
}

// Do runs a command on the machine, without SSH, and returns what it wrote.
func (m *Machine) Do(t testing.TB, command string) string {
	t.Helper()
	cmd := exec.Command("ssh", "-F", m.Config, "-l", "root", "-o", "BatchMode=yes", m.Name, command)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("on %s: %s: %v\n%s", m.Name, command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// NewKey gives the machine another host key, as when somebody set it up anew; it counts from its next start.
func (m *Machine) NewKey(t testing.TB) {
	t.Helper()
	for _, name := range []string{"hostkey", "hostkey.pub"} {
		if err := os.Remove(filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	Keygen(t, filepath.Join(m.dir, "hostkey"))
}
