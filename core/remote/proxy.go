package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// connect opens the way to the host's SSH port: straight, through jump hosts, or through a command.
func (s *settings) connect(ctx context.Context, o Options, depth int) (net.Conn, *Client, error) {
	if jump := s.first("proxyjump"); jump != "" && jump != "none" {
		return s.jump(ctx, jump, o, depth)
	}
	if command := s.first("proxycommand"); command != "" && command != "none" {
		conn, err := s.command(ctx, command)
		return conn, nil, err
	}
	network := "tcp"
	switch s.first("addressfamily") {
	case "inet":
		network = "tcp4"
	case "inet6":
		network = "tcp6"
	}
	d := &net.Dialer{Timeout: s.timeout(o), KeepAlive: 15 * time.Second}
	if from := s.first("bindaddress"); from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	attempts, err := strconv.Atoi(s.first("connectionattempts"))
	if err != nil || attempts < 1 || attempts > 100 {
		attempts = 1
	}
	var conn net.Conn
	for range attempts {
		if conn, err = d.DialContext(ctx, network, net.JoinHostPort(s.address(), strconv.Itoa(s.port()))); err == nil {
			return conn, nil, nil
		}
	}
	return nil, nil, dialReason(err, s.timeout(o))
}

// dialReason says in words what a failed connect was.
func dialReason(err error, within time.Duration) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("its name is not known to the resolver: %w", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens on its SSH port: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %s: %w", within, err)
	}
	return err
}

// jump goes through the last of the jump hosts, which goes through the ones before it.
func (s *settings) jump(ctx context.Context, list string, o Options, depth int) (net.Conn, *Client, error) {
	last := list
	inner := o
	inner.Args = fileOnly(o.Args) // as ssh does: the rest of the command line is about the target
	inner.Identities, inner.Timeout = nil, s.timeout(o)
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		last = list[i+1:]
		inner.Args = append(inner.Args, "-o", "ProxyJump="+list[:i])
	}
	target, err := ParseTarget(last)
	if err != nil {
		return nil, nil, fmt.Errorf("ProxyJump %s: %w", list, err)
	}
	for _, key := range []string{"userknownhostsfile", "stricthostkeychecking"} {
		if v := s.values[key]; len(v) > 0 && hasOption(o.Args, key) {
			inner.Args = append(inner.Args, "-o", key+"="+strings.Join(v, " "))
		}
	}
	if o.Identities != nil {
		inner.Identities = o.Identities
	}
	client, err := dial(ctx, target, inner, depth+1)
	if err != nil {
		return nil, nil, err
	}
	conn, err := client.DialContext(ctx, "tcp", net.JoinHostPort(s.address(), strconv.Itoa(s.port())))
	if err != nil {
		_ = client.Close() // the first error counts
		return nil, nil, err
	}
	return &deadlined{Conn: conn}, client, nil
}

// ParseTarget reads [user@]host[:port] and ssh://[user@]host[:port].
func ParseTarget(text string) (Target, error) {
	rest := strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	var t Target
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		t.User, rest = rest[:i], rest[i+1:]
	}
	t.Host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && (strings.Count(rest, ":") == 1 || rest[0] == '[') {
		n, err := strconv.Atoi(rest[i+1:])
		if err != nil || n < 1 || n > 65535 {
			return t, fmt.Errorf("%q has the port %q, want 1 to 65535", text, rest[i+1:])
		}
		t.Host, t.Port = rest[:i], n
	}
	t.Host = strings.TrimSuffix(strings.TrimPrefix(t.Host, "["), "]")
	return t, plausible(t)
}

// fileOnly keeps the -F of the arguments.
func fileOnly(args []string) []string {
	for i, a := range args {
		if a == "-F" && i+1 < len(args) {
			return []string{"-F", args[i+1]}
		}
		if strings.HasPrefix(a, "-F") && len(a) > 2 {
			return []string{a}
		}
	}
	return nil
}

func hasOption(args []string, key string) bool {
	s := &settings{values: map[string][]string{}}
	_, err := s.arguments(args)
	_, ok := s.values[key]
	return err == nil && ok
}

// command talks to the host through a ProxyCommand.
func (s *settings) command(ctx context.Context, command string) (net.Conn, error) {
	line, err := expand(command, s.tokens())
	if err != nil {
		return nil, fmt.Errorf("ProxyCommand: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", "exec "+line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Ctrl-C does not end it before us
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("ProxyCommand: %w", err)
	}
	cmd.Stdin, cmd.Stdout = theirs, theirs
	tail := &lastWords{}
	cmd.Stderr = tail
	err = cmd.Start()
	_ = theirs.Close() // the command has its own
	if err != nil {
		_ = ours.Close() // nothing is on it
		return nil, fmt.Errorf("ProxyCommand %s: %w", line, err)
	}
	conn := &piped{Conn: ours, cmd: cmd, tail: tail, ended: make(chan struct{})}
	go func() {
		conn.result = cmd.Wait()
		close(conn.ended)
	}()
	return conn, nil
}

// piped is a connection through a command; its error says what the command said.
type piped struct {
	net.Conn
	cmd    *exec.Cmd
	tail   *lastWords
	ended  chan struct{}
	result error
	once   sync.Once
}

func (p *piped) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	return n, p.explain(err)
}

// Write fails as well when the command has ended, and may be the first to see it.
func (p *piped) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	return n, p.explain(err)
}

// explain waits for the command's end, if it is about to come, and adds what it said.
func (p *piped) explain(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return err
	}
	select {
	case <-p.ended:
		how := "ended"
		if p.result != nil {
			how = p.result.Error()
		}
		return fmt.Errorf("ProxyCommand %s: %s: %s", how, p.tail, err.Error())
	case <-time.After(time.Second):
		return err
	}
}

func (p *piped) Close() error {
	err := p.Conn.Close()
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	})
	return err
}

// socketPair makes a connection of which the other end can be given to a process.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	ours, theirs := os.NewFile(uintptr(fds[0]), "proxy"), os.NewFile(uintptr(fds[1]), "proxy")
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn has a copy
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

// lastWords keeps the end of what a program said.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - 2000; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.text))
}
