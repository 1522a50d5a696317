package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// native is a connection by our own client.
type native struct {
	target  Target
	client  *ssh.Client
	ring    *ring
	forward bool        // lend our agent to the host
	env     [][2]string // SendEnv and SetEnv
	ended   chan struct{}
	once    sync.Once
	before  *Client // the jump host
}

// afterKeys bounds authentication, as sshd's LoginGraceTime does; a person may have to answer meanwhile.
const afterKeys = 2 * time.Minute

func dialNative(ctx context.Context, s *settings, o Options, depth int) (*Client, error) {
	t, err := s.trusted()
	if err != nil {
		return nil, err
	}
	conn, before, err := s.connect(ctx, o, depth)
	if err != nil {
		var ours *UnreachableError
		var key *HostKeyError
		var denied *AuthError
		if errors.As(err, &ours) || errors.As(err, &key) || errors.As(err, &denied) { // of the jump host
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &UnreachableError{Target: s.target(), Err: err}
	}
	r := &ring{ctx: ctx, s: s, o: o}
	client, err := handshake(ctx, conn, s, o, r, t)
	if err != nil {
		_ = conn.Close() // the handshake's error is what counts
		if before != nil {
			_ = before.Close()
		}
		r.close()
		return nil, err
	}
	n := &native{target: s.target(), client: client, ring: r, env: s.environment(), ended: make(chan struct{}), before: before}
	n.lend(s, t)
	go func() {
		_ = client.Wait() // why it ended is told to whoever uses it
		n.finish()
	}()
	every, misses := s.alive()
	if every > 0 {
		go n.keepAlive(every, misses)
	}
	return &Client{Target: n.target, link: n}, nil
}

// handshake agrees on keys, checks the host's, and authenticates.
func handshake(ctx context.Context, conn net.Conn, s *settings, o Options, r *ring, t *trust) (*ssh.Client, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // wakes whoever reads
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(s.timeout(o))); err != nil {
		return nil, &UnreachableError{Target: s.target(), Err: err}
	}
	r.agentOf()
	config := s.client(r, t, func() { _ = conn.SetDeadline(time.Now().Add(afterKeys)) })
	c, channels, requests, err := ssh.NewClientConn(conn, net.JoinHostPort(s.address(), fmt.Sprint(s.port())), config)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err == nil {
		return ssh.NewClient(c, channels, requests), nil
	}
	var key *HostKeyError
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &key):
		return nil, key
	case t.verified != nil && (strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "uthentication failures")) || errors.Is(err, errUntrue):
		return nil, &AuthError{Target: s.target(), Tried: r.tried, Err: plainReason(err), elsewhere: r.elsewhere()}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &UnreachableError{Target: s.target(), Err: fmt.Errorf("it did not finish the SSH handshake within %s", s.timeout(o))}
	case errors.Is(err, io.EOF):
		return nil, &UnreachableError{Target: s.target(), Err: errors.New("it closed the connection before the SSH handshake was done; its sshd may be at its limit (MaxStartups), or it is no SSH server")}
	}
	return nil, &UnreachableError{Target: s.target(), Err: err}
}

// plainReason cuts the library's words off, which name methods in Go's way.
func plainReason(err error) error {
	if _, rest, ok := strings.Cut(err.Error(), "attempted methods ["); ok {
		methods, _, _ := strings.Cut(rest, "]")
		return fmt.Errorf("the host refused (%s)", strings.Join(strings.Fields(strings.ReplaceAll(methods, "none", "")), ", "))
	}
	return err
}

func (s *settings) client(r *ring, t *trust, accepted func()) *ssh.ClientConfig {
	usual, possible := ssh.SupportedAlgorithms(), ssh.SupportedAlgorithms()
	weak := ssh.InsecureAlgorithms()
	with := func(a, b []string) []string { return append(append([]string{}, a...), b...) }
	config := &ssh.ClientConfig{
		User: s.login(),
		Auth: r.methods(t),
		HostKeyCallback: func(name string, addr net.Addr, key ssh.PublicKey) error {
			err := t.check(name, addr, key)
			if err == nil {
				accepted()
			}
			return err
		},
		HostKeyAlgorithms: t.algorithms(choose(s.first("hostkeyalgorithms"), usual.HostKeys, with(possible.HostKeys, weak.HostKeys))),
		ClientVersion:     "SSH-2.0-goodstate",
	}
	config.Ciphers = choose(s.first("ciphers"), usual.Ciphers, with(possible.Ciphers, weak.Ciphers))
	config.MACs = choose(s.first("macs"), usual.MACs, with(possible.MACs, weak.MACs))
	config.KeyExchanges = choose(s.first("kexalgorithms"), usual.KeyExchanges, with(possible.KeyExchanges, weak.KeyExchanges))
	return config
}

// environment lists the variables to send: SetEnv's, and those of ours that SendEnv names.
func (s *settings) environment() [][2]string {
	var all [][2]string
	for _, pair := range s.values["setenv"] {
		if k, v, ok := strings.Cut(pair, "="); ok {
			all = append(all, [2]string{k, v})
		}
	}
	for _, pair := range os.Environ() {
		k, v, _ := strings.Cut(pair, "=")
		for _, pattern := range s.values["sendenv"] {
			if !strings.HasPrefix(pattern, "-") && wild(pattern, k) {
				all = append(all, [2]string{k, v})
				break
			}
		}
	}
	return all[:min(len(all), 64)]
}

// lend passes the agent on where ForwardAgent says so.
func (n *native) lend(s *settings, t *trust) {
	if n.ring.agent == nil || !s.yes("forwardagent") || t.untrue {
		n.ring.close() // it is needed no more
		return
	}
	n.forward = agent.ForwardToAgent(n.client, n.ring.agent) == nil
}

func (r *ring) close() {
	if r.conn != nil {
		_ = r.conn.Close() // the agent does not mind
		r.conn, r.agent = nil, nil
	}
}

func (n *native) done() <-chan struct{} { return n.ended }

func (n *native) finish() { n.once.Do(func() { close(n.ended) }) }

func (n *native) close() error {
	err := n.client.Close()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		err = nil
	}
	n.ring.close()
	if n.before != nil {
		err = errors.Join(err, n.before.Close())
	}
	return err
}

func (n *native) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.client.DialContext(ctx, network, address)
}

// keepAlive asks the host whether it is there, and gives it up when it stays silent.
func (n *native) keepAlive(every time.Duration, misses int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	answered := make(chan error, 1)
	open, missed := false, 0
	for {
		select {
		case <-n.ended:
			return
		case err := <-answered:
			if open, missed = false, 0; err != nil {
				_ = n.client.Close() // it is broken anyway
				return
			}
		case <-tick.C:
			if open {
				if missed++; missed >= misses {
					_ = n.client.Close() // it is broken anyway
					return
				}
				continue
			}
			open = true
			go func() {
				_, _, err := n.client.SendRequest("keepalive@openssh.com", true, nil)
				answered <- err
			}()
		}
	}
}

// deadlined is a connection through another host, which knows no deadlines; it is closed when one passes.
type deadlined struct {
	net.Conn
	mu    sync.Mutex
	timer *time.Timer
}

func (d *deadlined) SetDeadline(at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() { _ = d.Conn.Close() })
	}
	return nil
}
