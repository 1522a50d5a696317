// Package pgserver runs a PostgreSQL server of goodstate's own on a data directory: for recoveries, drills and the demo. It listens on a socket in a folder that only its account can enter, never on the network.
package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Find returns the path of a server program of a major version of PostgreSQL; of the newest that is installed when the version is 0.
func Find(name string, major int) (string, error) {
	version := "*"
	if major > 0 {
		version = strconv.Itoa(major)
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/" + version + "/bin/" + name, "/usr/pgsql-" + version + "/bin/" + name} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", name, err)
		}
		found = append(found, paths...)
	}
	if len(found) > 0 {
		slices.Sort(found)
		return found[len(found)-1], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the program %s of PostgreSQL %s is not on this machine, and the recovery needs it; on Debian: apt-get install postgresql", name, strings.Trim(version, "*"))
	}
	return filepath.EvalSymlinks(path)
}

// Account is the account that servers run under: nil is goodstate's own. PostgreSQL refuses to run as root, so that root uses the account postgres.
func Account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no account postgres to run it: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("account postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// Own gives a tree to the account of the servers.
func Own(dir string) error {
	as, err := Account()
	if err != nil || as == nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(as.Uid), int(as.Gid))
	})
}

// Init makes the data directory of a new server with a superuser called goodstate.
func Init(ctx context.Context, data string) error {
	program, err := Find("initdb", 0)
	if err != nil {
		return err
	}
	as, err := Account()
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(data, 0o700), Own(data)); err != nil {
		return fmt.Errorf("data directory %s: %w", data, err)
	}
	cmd := exec.CommandContext(ctx, program, "-D", data, "-U", "goodstate", "--auth=peer", "--encoding=UTF8", "--locale=C")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make a PostgreSQL server in %s: %w: %s", data, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Server is one that was started.
type Server struct {
	cmd    *exec.Cmd
	data   string
	socket string
	log    *tail
	ended  chan struct{}
	err    error
}

// Socket makes the folder of a server's socket. Whoever can enter it is let in, so that only the server's account can.
func Socket() (string, error) {
	dir, err := os.MkdirTemp("", "goodstate-pg-")
	if err != nil {
		return "", fmt.Errorf("folder of the server's socket: %w", err)
	}
	return dir, furnish(dir)
}

// SocketIn makes the folder of a server's socket inside of another.
func SocketIn(folder string) (string, error) {
	dir := filepath.Join(folder, "socket")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder of the server's socket: %w", err)
	}
	return dir, furnish(dir)
}

func furnish(dir string) error {
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "hba"), []byte("local all all trust\nlocal replication all trust\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "conf"), nil, 0o600), Own(dir))
}

// Start runs a server on a data directory with settings, and returns when it has begun, not when it answers.
func Start(data, socket string, major int, settings map[string]string) (*Server, error) {
	program, err := Find("postgres", major)
	if err != nil {
		return nil, err
	}
	as, err := Account()
	if err != nil {
		return nil, err
	}
	// Settings of the command line win over those in the data directory, which are those of the server that was copied.
	all := map[string]string{
		"config_file": filepath.Join(socket, "conf"), "hba_file": filepath.Join(socket, "hba"), "ident_file": filepath.Join(socket, "conf"), "data_directory": data, "listen_addresses": "",
		"unix_socket_directories": socket, "unix_socket_permissions": "0700", "port": "5432", "archive_mode": "off", "ssl": "off", "logging_collector": "off", "log_destination": "stderr",
		"lc_messages": "C", "log_min_messages": "log", "shared_preload_libraries": "", "external_pid_file": "", "synchronous_standby_names": "",
	}
	for name, value := range settings {
		all[name] = value
	}
	args := []string{"-D", data}
	for name, value := range all {
		args = append(args, "-c", name+"="+value)
	}
	s := &Server{cmd: exec.Command(program, args...), data: data, socket: socket, log: &tail{}, ended: make(chan struct{})} //nolint:noctx // it outlives the call: Stop ends it
	s.cmd.Dir, s.cmd.SysProcAttr = "/", attributes(as)
	s.cmd.Stderr, s.cmd.Stdout = s.log, io.Discard
	s.cmd.WaitDelay = 5 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL on %s: %w", data, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// URL is the address of a database of a server by its socket's folder, in the form of keywords.
func URL(socket, user, database string) string {
	quote := func(v string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'" }
	return fmt.Sprintf("host=%s port=5432 user=%s dbname=%s sslmode=disable", quote(socket), quote(user), quote(database))
}

// Ready waits until the server takes connections. A server that ends before that is an error with the last that it said.
func (s *Server) Ready(ctx context.Context, url string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL on %s: %w", s.data, ctx.Err())
		case <-s.ended:
			return fmt.Errorf("PostgreSQL on %s ended before it took connections: %s", s.data, s.log.problems())
		case <-tick.C:
		}
	}
}

// Said returns the first line of the server's log that has a text in it, from there on; empty when there is none.
func (s *Server) Said(text string) string {
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		if at := strings.Index(line, text); at >= 0 {
			return line[at:]
		}
	}
	return ""
}

// Stop ends the server cleanly and removes the folder of its socket.
func (s *Server) Stop() error {
	err := s.cmd.Process.Signal(syscall.SIGINT)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-s.ended:
	case <-time.After(60 * time.Second):
		err = errors.Join(err, fmt.Errorf("PostgreSQL on %s did not stop within 60s and was killed", s.data), syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL))
		<-s.ended
	}
	return errors.Join(err, os.RemoveAll(s.socket))
}

// tail keeps what a server said, its beginning and no more than a bound.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() > 1<<20 {
		t.text.Next(1 << 19)
	}
	return t.text.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// problems are the lines that say why a server ended, or its last ones.
func (t *tail) problems() string {
	lines := strings.Split(strings.TrimSpace(t.String()), "\n")
	var bad []string
	for _, line := range lines {
		if at := strings.Index(line, "FATAL:"); at >= 0 && !strings.Contains(line, "the database system is") {
			bad = append(bad, strings.TrimSpace(line[at+len("FATAL:"):]))
		}
	}
	if len(bad) == 0 {
		bad = lines[max(0, len(lines)-3):]
	}
	return strings.Join(bad, "; ")
}
