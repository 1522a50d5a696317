package storage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/time/rate"

	"goodstate.dev/goodstate/core/config"
)

// Place is where a repository lies, as the configuration says it.
type Place interface {
	// Open makes the storage ready. It connects as late as it can, so that a wrong address may show only when the storage is used. Who opens it closes it,
	// where it is an io.Closer.
	Open(ctx context.Context, env Env) (Storage, error)
	// String names the place for people, without secrets.
	String() string
}

// Env is what a place needs from outside.
type Env struct {
	Base   string                                                 // folder of the configuration file, for relative paths
	Secret func(ctx context.Context, name string) (string, error) // finds credentials
	Rates  Rates
}

// Rates bound what goes over the network, for all connections of a storage together; nil is without bound.
type Rates struct{ Up, Down *rate.Limiter }

// NewRates makes bounds of bytes for each second; 0 is without bound.
func NewRates(up, down int64) Rates { return Rates{limiter(up), limiter(down)} }

func limiter(bytes int64) *rate.Limiter {
	if bytes <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytes), int(min(max(bytes/10, 4<<10), 1<<20)))
}

// Kind describes a kind of place for the family.
type Kind = config.Kind[Place]

func register(k Kind) { config.Register(k) }

// path is a file of the configuration.
func (e Env) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.Base, name)
}

// secret is the value of a secret; "" for none.
func (e Env) secret(ctx context.Context, s config.Secret, what string) (string, error) {
	if s.IsZero() {
		return "", nil
	}
	value, err := e.Secret(ctx, s.Name())
	if err != nil {
		return "", fmt.Errorf("%s of the storage: %w", what, err)
	}
	return value, nil
}

// transport makes connections that keep to the rates, and trusts the certificates of a file besides those of the system.
func (e Env) transport(ca string) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: 20 * time.Second, KeepAlive: 15 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 32, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 20 * time.Second,
		ExpectContinueTimeout: time.Second, DisableCompression: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil || e.Rates == (Rates{}) {
				return conn, err
			}
			return limitConn(conn, e.Rates), nil
		},
	}
	if ca == "" {
		return t, nil
	}
	pem, err := os.ReadFile(e.path(ca))
	if err != nil {
		return nil, fmt.Errorf("certificates that the storage is trusted by: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", ca)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// limitedConn waits no longer than it is open.
type limitedConn struct {
	net.Conn
	rates Rates
	live  context.Context //nolint:containedctx // it ends with the connection
	end   context.CancelFunc
}

func limitConn(c net.Conn, r Rates) net.Conn {
	live, end := context.WithCancel(context.Background())
	return &limitedConn{c, r, live, end}
}

func (c *limitedConn) Read(p []byte) (int, error) {
	return limitRead(c.live, c.Conn, c.rates.Down, p)
}

func (c *limitedConn) Write(p []byte) (int, error) {
	return limitWrite(c.live, c.Conn, c.rates.Up, p)
}

func (c *limitedConn) Close() error {
	c.end()
	return c.Conn.Close()
}

// limitRead takes what comes and then waits for its time, or for the end of ctx.
func limitRead(ctx context.Context, r io.Reader, l *rate.Limiter, p []byte) (int, error) {
	if l == nil {
		return r.Read(p)
	}
	n, err := r.Read(p[:min(len(p), l.Burst())])
	if n > 0 {
		if waited := l.WaitN(ctx, n); waited != nil && err == nil { // n is no more than the burst
			err = fmt.Errorf("wait for the rate: %w", waited)
		}
	}
	return n, err
}

func limitWrite(ctx context.Context, w io.Writer, l *rate.Limiter, p []byte) (done int, err error) {
	if l == nil {
		return w.Write(p)
	}
	for len(p) > 0 && err == nil {
		part := p[:min(len(p), l.Burst())]
		if err := l.WaitN(ctx, len(part)); err != nil { // it is no more than the burst
			return done, fmt.Errorf("wait for the rate: %w", err)
		}
		var n int
		n, err = w.Write(part)
		done += n
		p = p[n:]
	}
	return done, err
}

// limited reads a stream at a rate, until ctx ends.
type limited struct {
	ctx context.Context //nolint:containedctx // a reader has none of its own
	r   io.Reader
	l   *rate.Limiter
}

func (l limited) Read(p []byte) (int, error) { return limitRead(l.ctx, l.r, l.l, p) }

// limitedWriter writes a stream at a rate, until ctx ends.
type limitedWriter struct {
	io.WriteCloser
	ctx context.Context //nolint:containedctx // a writer has none of its own
	l   *rate.Limiter
}

func (l limitedWriter) Write(p []byte) (int, error) {
	return limitWrite(l.ctx, l.WriteCloser, l.l, p)
}

// secure refuses an address over which credentials and data would go unencrypted, unless it is on this machine.
func secure(scheme, host string) error {
	if scheme == "https" {
		return nil
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if ip := net.ParseIP(name); scheme == "http" && (name == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("the address has the scheme %q, want https: without TLS anybody on the way could delete and replay files (http is for 127.0.0.1 only)", scheme)
}
