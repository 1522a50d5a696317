package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
)

// local is this machine, behind the same Client as any other.
type local struct {
	ended chan struct{}
	once  sync.Once
}

// Local is a client for this machine: commands run by /bin/sh as the account of this program, and nothing is connected to.
func Local() *Client {
	return &Client{Target: Target{Host: "localhost"}, link: &local{ended: make(chan struct{})}}
}

func (l *local) start(ctx context.Context, command string) (*Process, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it may have ended
	cmd.Cancel = func() error { kill(); return nil }
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, outW := io.Pipe()
	stderr, errW := io.Pipe()
	cmd.Stdout, cmd.Stderr = outW, errW
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a command on this machine: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = errors.Join(outW.Close(), errW.Close()) // pipes in memory
		ended <- err
	}()
	wait := sync.OnceValue(func() error {
		err := <-ended
		var exit *exec.ExitError
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.As(err, &exit) {
			status, ok := exit.Sys().(syscall.WaitStatus)
			if ok && status.Signaled() {
				return &ExitError{Signal: status.Signal().String()}
			}
			return &ExitError{Code: exit.ExitCode()}
		}
		return err
	})
	return &Process{Stdin: stdin, Stdout: stdout, Stderr: stderr, wait: wait, kill: kill}, nil
}

func (l *local) subsystem(_ context.Context, name string) (*Process, error) {
	return nil, fmt.Errorf("subsystem %s: this machine is not reached through sshd, and has none", name)
}

func (l *local) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (l *local) done() <-chan struct{} { return l.ended }

func (l *local) close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}
