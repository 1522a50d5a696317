package real

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SSHD is a real sshd on loopback that lets the account that runs the tests in with a key.
type SSHD struct {
	Port       int
	User       string
	Dir        string // its folder, for more files of a test
	Key        string // private key file that is let in
	HostKey    string // the host's private key file; .pub beside it
	KnownHosts string // file that knows the host
	Config     string // client configuration in which the host is called "target"
	Authorized string // the file with the keys that are let in

	srv *server
}

// StartSSHD starts an sshd with more lines for its configuration; it is gone when the test ends. It is nil where WITHOUT has sshd.
func StartSSHD(t testing.TB, lines ...string) *SSHD {
	t.Helper()
	sshd := Need(t, "sshd")
	if sshd == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatalf("making a folder for sshd: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a last session may still write there
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatalf("making sshd's folder: %v", err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatalf("finding out who runs the tests: %v", err)
	}
	h := &SSHD{
		Port: FreePort(t), User: me.Username, Dir: dir, Key: filepath.Join(dir, "id"), HostKey: filepath.Join(dir, "host"),
		KnownHosts: filepath.Join(dir, "known_hosts"), Config: filepath.Join(dir, "client"), Authorized: filepath.Join(dir, "authorized"),
	}
	Keygen(t, h.Key)
	Keygen(t, h.HostKey)
	h.write(t, h.Authorized, read(t, h.Key+".pub"))
	h.Know(t)
	h.write(t, h.Config, fmt.Sprintf("Host target\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  IdentityFile %s\n  IdentityAgent none\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile none\n",
		h.Port, h.User, h.Key, h.KnownHosts))
	config := filepath.Join(dir, "sshd_config")
	h.write(t, config, strings.Join(append([]string{
		"ListenAddress 127.0.0.1:" + strconv.Itoa(h.Port), "HostKey " + h.HostKey, "AuthorizedKeysFile " + h.Authorized, "StrictModes no", "UsePAM no",
		"PidFile none", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "LogLevel VERBOSE", "MaxStartups 200", "UseDNS no",
	}, lines...), "\n")+"\n")
	h.srv = scratch{dir: dir}.start(t, syscall.SIGTERM, sshd, "-D", "-e", "-f", config)
	h.srv.ready(t, func() error {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(h.Port), time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return h
}

// Know writes the known_hosts file anew from the host's key.
func (h *SSHD) Know(t testing.TB) {
	t.Helper()
	h.write(t, h.KnownHosts, fmt.Sprintf("[127.0.0.1]:%d %s", h.Port, read(t, h.HostKey+".pub")))
}

// Log is what the server has said so far.
func (h *SSHD) Log() string { return h.srv.output() }

// Sessions lists the processes of the server's open connections.
func (h *SSHD) Sessions(t testing.TB) []int {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(h.srv.cmd.Process.Pid)).Output()
	if err != nil && len(out) > 0 {
		t.Fatalf("listing the sessions of sshd: %v", err)
	}
	var pids []int
	for _, word := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("listing the sessions of sshd: %v", err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// Cut ends the open connections from the server's side, as a host does that goes down.
func (h *SSHD) Cut(t testing.TB) {
	t.Helper()
	for _, pid := range h.Sessions(t) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
}

func (h *SSHD) write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("writing a file of sshd: %v", err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Keygen makes an ed25519 key at path, or with other arguments of ssh-keygen another.
func Keygen(t testing.TB, path string, args ...string) {
	t.Helper()
	if args == nil {
		args = []string{"-t", "ed25519", "-N", ""}
	}
	if out, err := exec.Command("ssh-keygen", append([]string{"-q", "-C", "test", "-f", path}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
}

// KnowAs writes the known_hosts file with the public key of another host.
func (h *SSHD) KnowAs(t testing.TB, publicKey string) {
	t.Helper()
	h.write(t, h.KnownHosts, fmt.Sprintf("[127.0.0.1]:%d %s", h.Port, read(t, publicKey)))
}
