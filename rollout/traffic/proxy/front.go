package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// front is one address that users reach, and the server behind it.
type front struct {
	listen   string
	listener net.Listener
	server   *http.Server
	certs    atomic.Pointer[certs] // nil: plain HTTP
	active   atomic.Int64          // requests under way, WebSockets included
	cut      context.CancelFunc    // ends what is still under way
	served   chan struct{}         // closed when no more connections are accepted
}

const (
	idleClient     = 75 * time.Second
	maxHeaderBytes = 64 << 10
)

// openFront takes the address but does not serve yet.
func openFront(ctx context.Context, listen string, opt Options, handler http.Handler, log *slog.Logger) (*front, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the address is taken%s; stop what uses it or choose another listen address: %w", listen, holder(listen), err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", listen, err)
	}
	base, cut := context.WithCancel(context.Background()) // requests do not end with the call that opens their address
	f := &front{listen: listen, listener: l, cut: cut, served: make(chan struct{})}
	f.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.active.Add(1)
			defer f.active.Add(-1)
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: opt.ReadHeader,
		IdleTimeout:       idleClient,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         new(http.Protocols),
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	f.server.Protocols.SetHTTP1(true)
	f.server.Protocols.SetHTTP2(true)
	f.server.Protocols.SetUnencryptedHTTP2(true)
	return f, nil
}

// Accept is the listener's, with TLS when the route has it: TLS can begin and end without closing the address.
func (f *front) Accept() (net.Conn, error) {
	c, err := f.listener.Accept()
	if err != nil {
		return nil, err
	}
	if t := f.certs.Load(); t != nil {
		return tls.Server(c, t.config), nil
	}
	return c, nil
}

// Close frees the address.
func (f *front) Close() error { return f.listener.Close() }

// Addr is the address that users reach.
func (f *front) Addr() net.Addr { return f.listener.Addr() }

// serve accepts connections until the address is closed.
func (f *front) serve(log *slog.Logger) {
	defer close(f.served)
	if err := f.server.Serve(f); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Error("stopped serving", "listen", f.listen, "error", err)
	}
}

// end frees the address, lets requests finish until cutoff, and cuts off what is left then.
func (f *front) end(cutoff <-chan struct{}) error {
	defer f.cut()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-cutoff:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := f.server.Shutdown(ctx)
	<-f.served
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for f.active.Load() > 0 && ctx.Err() == nil { // Shutdown does not know of connections that were upgraded
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
	left := f.active.Load()
	if left == 0 && err == nil {
		return nil
	}
	f.cut()
	err = f.server.Close()
	for f.active.Load() > 0 {
		<-poll.C
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", f.listen, err)
	}
	return fmt.Errorf("close %s: %d requests did not end in time and were cut off", f.listen, left)
}
