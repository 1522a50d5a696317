package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Process is a command that runs on a host. Who starts it reads Stdout and Stderr to their ends, at the same time, and calls Wait.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.Reader
	Stderr io.Reader
	wait   func() error
	kill   func()
}

// Wait returns when the command has ended: nil, an *ExitError, or an *UnreachableError when the connection was lost.
func (p *Process) Wait() error { return p.wait() }

// Kill ends the channel, and the command where the host can do that: sshd signals no command of root's, which then ends when it reads its
// input to the end or writes to nobody.
func (p *Process) Kill() { p.kill() }

// Start runs a command through the account's shell. When ctx ends, so does the command.
func (c *Client) Start(ctx context.Context, command string) (*Process, error) {
	return c.link.start(ctx, command)
}

// Subsystem starts a service of the host's sshd by its name, such as sftp. When ctx ends, so does it.
func (c *Client) Subsystem(ctx context.Context, name string) (*Process, error) {
	return c.link.subsystem(ctx, name)
}

// Run runs a command through the account's shell and waits for it. Nil readers and writers stand for nothing.
func (c *Client) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) error {
	p, err := c.Start(ctx, command)
	if err != nil {
		return err
	}
	var copying sync.WaitGroup
	var outErr, errErr error
	copying.Go(func() { outErr = p.pass(stdout, p.Stdout) })
	copying.Go(func() { errErr = p.pass(stderr, p.Stderr) })
	fed := make(chan error, 1)
	go func() {
		var err error
		if stdin != nil {
			_, err = io.Copy(p.Stdin, stdin)
		}
		fed <- errors.Join(err, p.Stdin.Close())
	}()
	copying.Wait()
	err = p.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if refused := errors.Join(outErr, errErr); refused != nil {
		return fmt.Errorf("taking the output of a command on %s: %w", c.Target, refused)
	}
	if err != nil {
		return err
	}
	select {
	case err := <-fed:
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) { // a command need not read its input
			return fmt.Errorf("feeding a command on %s: %w", c.Target, err)
		}
	default: // the command did not want it all
	}
	return nil
}

// pass copies, and ends the command when nobody wants its output any more.
func (p *Process) pass(w io.Writer, r io.Reader) error {
	if w == nil {
		w = io.Discard
	}
	_, err := io.Copy(w, r)
	if err != nil {
		p.Kill()
		_, _ = io.Copy(io.Discard, r) // the first error counts
	}
	return err
}

// Output runs a command and returns what it wrote to its standard output, at most max bytes; what it wrote to its standard error is in the error.
func (c *Client) Output(ctx context.Context, command string, stdin io.Reader, max int) ([]byte, error) {
	out := &bounded{max: max}
	tail := &lastWords{}
	err := c.Run(ctx, command, stdin, out, tail)
	var exit *ExitError
	if errors.As(err, &exit) {
		return out.kept, fmt.Errorf("on %s: %w: %s", c.Target, err, tail)
	}
	return out.kept, err
}

// bounded keeps the first bytes and refuses more.
type bounded struct {
	kept []byte
	max  int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.kept)+len(p) > b.max {
		return 0, fmt.Errorf("it is longer than %d bytes", b.max)
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

func (n *native) start(ctx context.Context, command string) (*Process, error) {
	return n.begin(ctx, func(s *ssh.Session) error { return s.Start(command) })
}

func (n *native) subsystem(ctx context.Context, name string) (*Process, error) {
	return n.begin(ctx, func(s *ssh.Session) error { return s.RequestSubsystem(name) })
}

// begin opens a session and asks in it for what is to run.
func (n *native) begin(ctx context.Context, ask func(*ssh.Session) error) (*Process, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	session, err := n.client.NewSession()
	if err != nil {
		var refused *ssh.OpenChannelError
		if errors.As(err, &refused) {
			return nil, fmt.Errorf("%s refuses one more command at a time (%s); raise MaxSessions in its sshd_config", n.target, refused.Message)
		}
		return nil, &UnreachableError{Target: n.target, Lost: true, Err: err}
	}
	p, err := n.launch(session, ask)
	if err != nil {
		_ = session.Close() // the first error counts
		return nil, &UnreachableError{Target: n.target, Lost: true, Err: err}
	}
	ended, killed := make(chan error, 1), make(chan struct{})
	wait, kill := p.wait, p.kill
	p.kill = sync.OnceFunc(func() { kill(); close(killed) })
	stop := context.AfterFunc(ctx, p.kill)
	go func() { ended <- wait() }()
	p.wait = sync.OnceValue(func() error {
		defer stop()
		select {
		case err := <-ended:
			return n.verdict(ctx, err)
		case <-killed: // sshd answers the end of a channel only when the command has ended
			return n.verdict(ctx, errKilled)
		}
	})
	return p, nil
}

var errKilled = errors.New("it was ended from here")

func (n *native) launch(session *ssh.Session, ask func(*ssh.Session) error) (*Process, error) {
	if n.forward {
		// What lends the agent is a favour: a host that does not want it runs the command all the same.
		_, _ = session.SendRequest("auth-agent-req@openssh.com", true, nil)
	}
	for _, pair := range n.env {
		// A host takes the variables of its AcceptEnv and says no to the others; nothing waits for that.
		_, _ = session.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{pair[0], pair[1]}))
	}
	stdin, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := session.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := ask(session); err != nil {
		return nil, err
	}
	kill := func() {
		_ = session.Signal(ssh.SIGKILL) // old servers do not know it; the closed channel is what counts
		_ = session.Close()
	}
	return &Process{Stdin: stdin, Stdout: stdout, Stderr: stderr, wait: session.Wait, kill: kill}, nil
}

// verdict turns the library's words into ours.
func (n *native) verdict(ctx context.Context, err error) error {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &ExitError{Code: exit.ExitStatus(), Signal: exit.Signal()}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errKilled):
		return &ExitError{Signal: "KILL"}
	}
	return &UnreachableError{Target: n.target, Lost: true, Err: err}
}
