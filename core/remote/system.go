package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// system is a connection by the system's ssh program. One master process holds it; commands go through its control socket.
type system struct {
	target  Target
	ssh     string
	control string
	host    string // as the user wrote it: the program reads the configuration itself
	dir     string // our own folder with the control socket; empty when the socket is the user's
	ended   chan struct{}
	once    sync.Once
	master  *exec.Cmd
}

func dialSystem(ctx context.Context, s *settings, o Options) (*Client, error) {
	program, err := exec.LookPath("ssh")
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %s needs the ssh program, which is not installed", s.alias, s.foreign())
	}
	y := &system{target: s.target(), ssh: program, host: s.alias, ended: make(chan struct{}), control: s.control()}
	if y.control != "" {
		return &Client{Target: y.target, link: y}, nil
	}
	if y.dir, err = os.MkdirTemp("", "goodstate-ssh-"); err != nil {
		return nil, fmt.Errorf("making a folder for the control socket: %w", err)
	}
	y.control = filepath.Join(y.dir, "c")
	if err := y.open(ctx, s, o); err != nil {
		_ = os.RemoveAll(y.dir) // what failed counts
		return nil, err
	}
	return &Client{Target: y.target, link: y}, nil
}

// open starts the master and waits until it has authenticated.
func (y *system) open(ctx context.Context, s *settings, o Options) error {
	argv := append([]string{}, o.Args...)
	if o.Config != "" {
		argv = append(argv, "-F", o.Config)
	}
	for _, file := range o.Identities {
		argv = append(argv, "-i", file)
	}
	argv = append(argv,
		"-o", "ControlMaster=yes", "-o", "ControlPath="+y.control, "-o", "ControlPersist=no", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes",
		"-o", "StrictHostKeyChecking="+strict(s), "-o", "ConnectTimeout="+strconv.Itoa(max(1, int(s.timeout(o).Seconds()))),
		"-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=3", "-o", "RequestTTY=no",
		"-p", strconv.Itoa(s.port()), "-l", s.login(), "--", y.host, "echo goodstate-connected; exec cat >/dev/null")
	y.master = exec.CommandContext(context.WithoutCancel(ctx), y.ssh, argv...)
	y.master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	tail := &lastWords{}
	y.master.Stderr = tail
	held, err := y.master.StdinPipe() // the master ends when we do
	if err != nil {
		return err
	}
	out, err := y.master.StdoutPipe()
	if err != nil {
		return err
	}
	if err := y.master.Start(); err != nil {
		return fmt.Errorf("connecting to %s: %w", y.target, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = y.master.Process.Kill() })
	said := make([]byte, len("goodstate-connected\n"))
	_, err = io.ReadFull(out, said)
	stop()
	go func() {
		_, _ = io.Copy(io.Discard, out) // nothing more is expected
		_ = y.master.Wait()
		_ = held.Close()
		y.once.Do(func() { close(y.ended) })
	}()
	if err == nil {
		return nil
	}
	<-y.ended
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return y.reason(tail.String())
}

func strict(s *settings) string {
	switch v := strings.ToLower(s.first("stricthostkeychecking")); v {
	case "no", "off", "accept-new":
		return v
	}
	return "yes"
}

// reason reads what the program said when it could not connect.
func (y *system) reason(said string) error {
	err := errors.New(said)
	switch {
	case strings.Contains(said, "Host key verification failed"), strings.Contains(said, "HOST IDENTIFICATION HAS CHANGED"):
		return fmt.Errorf("%s: the system's ssh does not trust its host key: %w", y.target, err)
	case strings.Contains(said, "Permission denied"), strings.Contains(said, "Too many authentication failures"):
		return &AuthError{Target: y.target, Tried: []string{"the system's ssh"}, Err: err}
	}
	return &UnreachableError{Target: y.target, Err: err}
}

func (y *system) argv(more ...string) []string {
	return append([]string{"-o", "ControlMaster=no", "-o", "ControlPath=" + y.control, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"}, more...)
}

func (y *system) start(ctx context.Context, command string) (*Process, error) {
	return y.spawn(ctx, y.argv("-T", "-p", strconv.Itoa(y.target.Port), "-l", y.target.User, "--", y.host, command))
}

func (y *system) subsystem(ctx context.Context, name string) (*Process, error) {
	return y.spawn(ctx, y.argv("-T", "-p", strconv.Itoa(y.target.Port), "-l", y.target.User, "-s", "--", y.host, name))
}

func (y *system) spawn(ctx context.Context, argv []string) (*Process, error) {
	cmd := exec.CommandContext(ctx, y.ssh, argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, outW := io.Pipe()
	errs, errW := io.Pipe()
	tail := &lastWords{}
	cmd.Stdout, cmd.Stderr = outW, io.MultiWriter(errW, tail)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", y.ssh, err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = errors.Join(outW.Close(), errW.Close()) // a pipe in memory
		ended <- err
	}()
	wait := sync.OnceValue(func() error { return y.verdict(ctx, <-ended, tail) })
	return &Process{Stdin: stdin, Stdout: out, Stderr: errs, wait: wait, kill: func() { _ = cmd.Process.Kill() }}, nil
}

func (y *system) verdict(ctx context.Context, err error, tail *lastWords) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit) && exit.ExitCode() == 255: // ssh's own word for a broken connection
		return &UnreachableError{Target: y.target, Lost: true, Err: errors.New(tail.String())}
	case errors.As(err, &exit) && exit.Exited():
		return &ExitError{Code: exit.ExitCode()}
	}
	return &UnreachableError{Target: y.target, Lost: true, Err: err}
}

func (y *system) dial(ctx context.Context, _, address string) (net.Conn, error) {
	p, err := y.spawn(context.WithoutCancel(ctx), y.argv("-W", address, "-p", strconv.Itoa(y.target.Port), "-l", y.target.User, "--", y.host))
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.Copy(p.Stdin, theirs) // the other end tells
		_ = p.Stdin.Close()
	}()
	go func() { _, _ = io.Copy(io.Discard, p.Stderr) }()
	go func() {
		_, _ = io.Copy(theirs, p.Stdout) // the other end tells
		_ = theirs.Close()
		p.Kill()
		_ = p.Wait()
	}()
	return ours, nil
}

func (y *system) done() <-chan struct{} { return y.ended }

func (y *system) close() error {
	if y.master == nil {
		y.once.Do(func() { close(y.ended) })
		return nil // the connection is the user's
	}
	_ = y.master.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	<-y.ended
	return os.RemoveAll(y.dir)
}
