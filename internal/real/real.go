// Package real starts real servers for tests: PostgreSQL, MariaDB and whatever else has to be there. A server that is not
// installed fails the test and says which package to install; a check is left out only where the person who runs the
// tests says so in WITHOUT (WITHOUT=postgres,chromium), and then the test's log says what was left out.
package real

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// packages names the Debian package of what Need is asked for.
var packages = map[string]string{
	"postgres": "postgresql",
	"mariadb":  "mariadb-server",
	"haproxy":  "haproxy",
	"nginx":    "nginx",
	"chromium": "chromium",
	"sshd":     "openssh-server",
	"git":      "git",
	"rsyslogd": "rsyslog",
}

// folders is where Debian keeps programs that are not on everybody's PATH.
var folders = []string{"/usr/lib/postgresql/*/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"}

// Need returns the path of the first of the binaries that is installed; they are alternatives, and none means name. When
// none is there the test fails, unless WITHOUT has the name: then that is logged and the path is empty.
func Need(t testing.TB, name string, binaries ...string) string {
	t.Helper()
	if len(binaries) == 0 {
		binaries = []string{name}
	}
	if slices.Contains(strings.Split(os.Getenv("WITHOUT"), ","), name) {
		t.Logf("left out, because WITHOUT has %s", name)
		return ""
	}
	for _, binary := range binaries {
		if path := find(binary); path != "" {
			return path
		}
	}
	debian := packages[name]
	if debian == "" {
		debian = name
	}
	t.Fatalf("%s is not installed; apt-get install %s (or run the tests with WITHOUT=%s)", strings.Join(binaries, " or "), debian, name)
	return ""
}

func find(binary string) string {
	if path, err := exec.LookPath(binary); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real // servers look for their files beside themselves
		}
		return path
	}
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, binary))
		if err == nil && len(found) > 0 {
			return found[len(found)-1] // the newest version
		}
	}
	return ""
}

// FreePort returns a port of 127.0.0.1 that nobody listened on a moment ago.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Eventually polls until the condition holds, and fails the test when it does not within d.
func Eventually(t testing.TB, d time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", d, what)
		}
	}
}

// scratch is a folder under the shortest temporary path (sockets go into it), owned by an account that is not root:
// database servers refuse to run as root.
type scratch struct {
	dir string
	as  *syscall.Credential // nil: the account that runs the tests
}

func newScratch(t testing.TB, accounts ...string) scratch {
	t.Helper()
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatalf("making a folder for a server: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the server's folder: %v", err)
		}
	})
	s := scratch{dir: dir}
	if os.Geteuid() != 0 {
		return s
	}
	for _, name := range append(accounts, "nobody") {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(account.Gid, 10, 32)
		if uerr != nil || gerr != nil {
			t.Fatalf("account %s has the ids %s and %s, want numbers", name, account.Uid, account.Gid)
		}
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatalf("giving a server's folder to %s: %v", name, err)
		}
		return s
	}
	t.Fatalf("none of the accounts %s, nobody is there to run a server as; it refuses to run as root", strings.Join(accounts, ", "))
	return s
}

func (s scratch) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	return cmd
}

// run waits for a command that prepares something.
func (s scratch) run(t testing.TB, path string, args ...string) {
	t.Helper()
	if out, err := s.command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(path), err, out)
	}
}

// server is a started process with its output, stopped with the test.
type server struct {
	cmd     *exec.Cmd
	log     *os.File
	ended   chan struct{}
	stopped chan struct{} // by stop
	result  error
}

// start runs a server until the test ends; polite is the signal that makes it stop soonest without damage.
func (s scratch) start(t testing.TB, polite syscall.Signal, path string, args ...string) *server {
	t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatalf("making the log of %s: %v", filepath.Base(path), err)
	}
	srv := &server{cmd: s.command(path, args...), log: log, ended: make(chan struct{}), stopped: make(chan struct{})}
	srv.cmd.Stdout, srv.cmd.Stderr = log, log
	srv.cmd.SysProcAttr.Pdeathsig = polite // a test binary that is killed leaves no server behind
	if err := srv.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", filepath.Base(path), err)
	}
	go func() {
		srv.result = srv.cmd.Wait()
		close(srv.ended)
	}()
	t.Cleanup(func() { srv.stop(t, polite) })
	return srv
}

func (srv *server) stop(t testing.TB, polite syscall.Signal) {
	select {
	case <-srv.stopped:
		return
	default:
	}
	close(srv.stopped)
	_ = srv.cmd.Process.Signal(polite) // it may have ended by itself
	select {
	case <-srv.ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-srv.cmd.Process.Pid, syscall.SIGKILL) // the whole group is what must not stay
		<-srv.ended
		t.Logf("%s did not stop within 10s of signal %v and was killed", srv.cmd.Path, polite) // how fast a foreign server ends is not ours to judge
	}
	if err := srv.log.Close(); err != nil {
		t.Errorf("closing the log of %s: %v", srv.cmd.Path, err)
	}
}

// ready polls until the server answers; an end before that fails the test with its log.
func (srv *server) ready(t testing.TB, ping func() error) {
	t.Helper()
	var last error
	deadline := time.Now().Add(60 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if last = ping(); last == nil {
			tick.Stop()
			return
		}
		select {
		case <-srv.ended:
			t.Fatalf("%s ended at once: %v\n%s", srv.cmd.Path, srv.result, srv.output())
		case <-tick.C:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not answer within 60s: %v\n%s", srv.cmd.Path, last, srv.output())
		}
	}
}

func (srv *server) output() string {
	out, err := os.ReadFile(srv.log.Name())
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	return string(out[max(0, len(out)-4000):])
}
