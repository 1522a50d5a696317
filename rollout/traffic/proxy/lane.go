package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"time"
)

// lane is the short way to one instance: plain HTTP/1.1 for requests without a body, which are most of them. The request is written
// and the answer read by the goroutine that serves the user, where http.Transport hands both over to others; that
// takes about a third of the proxy's processor time away. Everything else goes through http.Transport.
type lane struct {
	mu     sync.Mutex
	idle   []*laneConn // the one used last is at the end
	closed bool
}

// laneConn is one connection to an instance, used by one request at a time.
type laneConn struct {
	net.Conn
	in     *bufio.Reader
	out    []byte
	left   int64 // how much of a head may still be read
	reused bool
	since  time.Time // idle since
}

const (
	laneIdle    = 512     // unused connections kept for an instance
	maxHeadSize = 1 << 20 // of an answer
	laneBuffer  = 4 << 10
)

var (
	errStale   = errors.New("the instance closed an unused connection")
	errBigHead = fmt.Errorf("the header of the answer is longer than %d bytes", maxHeadSize)
	longAgo    = time.Unix(1, 0)
)

// fits tells whether a request can take the lane.
func fits(in *instance, out *http.Request) bool {
	return out.Body == nil && in.url.Scheme == "http" && out.Header["Upgrade"] == nil
}

// Read reads from the instance, no more than a head may have while a head is read.
func (c *laneConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errBigHead
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.Conn.Read(p)
	c.left -= int64(n)
	return n, err
}

// get is a connection that was used before, or a new one.
func (l *lane) get(ctx context.Context, addr string, fresh bool) (*laneConn, error) {
	if !fresh {
		l.mu.Lock()
		if n := len(l.idle); n > 0 {
			c := l.idle[n-1]
			l.idle[n-1] = nil
			l.idle = l.idle[:n-1]
			l.mu.Unlock()
			c.reused = true
			return c, nil
		}
		l.mu.Unlock()
	}
	nc, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &laneConn{Conn: nc}
	c.in = bufio.NewReaderSize(c, laneBuffer)
	return c, nil
}

// put keeps a connection for the next request.
func (l *lane) put(c *laneConn) {
	c.since = time.Now()
	l.mu.Lock()
	if !l.closed && len(l.idle) < laneIdle {
		l.idle = append(l.idle, c)
		c = nil
	}
	l.mu.Unlock()
	if c != nil {
		_ = c.Close() // nothing is under way on it
	}
}

// trim closes connections that were not used for a while.
func (l *lane) trim(before time.Time) {
	l.mu.Lock()
	n := 0
	for n < len(l.idle) && l.idle[n].since.Before(before) {
		n++
	}
	old := append([]*laneConn(nil), l.idle[:n]...)
	l.idle = append(l.idle[:0], l.idle[n:]...)
	l.mu.Unlock()
	for _, c := range old {
		_ = c.Close() // nothing is under way on it
	}
}

// close ends the lane: connections in use are closed when they come back.
func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	old := l.idle
	l.idle = nil
	l.mu.Unlock()
	for _, c := range old {
		_ = c.Close() // nothing is under way on it
	}
}

// roundTrip sends the request to the instance and reads the head of its answer. A kept connection may turn out closed by the
// instance: then a new one is used. A request that must not be sent twice takes a new one at once, because the instance may close a kept one
// at the moment in which it is sent, and nobody could tell then whether it arrived.
func (l *lane) roundTrip(v *visit, addr string, out *http.Request) (*http.Response, error) {
	ctx := out.Context()
	for fresh := !repeatable(out); ; fresh = true {
		c, err := l.get(ctx, addr, fresh)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(v.Context, func() { _ = c.SetDeadline(longAgo) }) // wakes whoever reads or writes
		res, err := l.exchange(v, c, out)
		if err == nil {
			l.attach(res, c, stop)
			return res, nil
		}
		stop()
		_ = c.Close() // err says why
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return nil, errSlow
		}
		if !errors.Is(err, errStale) || !repeatable(out) || ctx.Err() != nil {
			return nil, err
		}
	}
}

// exchange writes the request and reads the answer's head, passing on what comes before the final one.
func (l *lane) exchange(v *visit, c *laneConn, out *http.Request) (*http.Response, error) {
	if err := c.SetReadDeadline(time.Now().Add(v.route.slow)); err != nil {
		return nil, fmt.Errorf("set the deadline for an answer: %w", err)
	}
	if v.Context.Err() != nil {
		return nil, v.Context.Err() // the deadline above may have undone the wake-up
	}
	var err error
	if c.out, err = appendHead(c.out[:0], out); err != nil {
		return nil, err
	}
	if _, err := c.Write(c.out); err != nil {
		return nil, c.stale(err)
	}
	c.left = maxHeadSize
	if _, err := c.in.Peek(1); err != nil {
		return nil, c.stale(err)
	}
	for {
		res, err := http.ReadResponse(c.in, out)
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		if res.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("the instance switched protocols unasked")
		}
		if res.StatusCode >= 200 {
			c.left = 1<<63 - 1
			if err := c.SetReadDeadline(time.Time{}); err != nil {
				return nil, fmt.Errorf("take the deadline away: %w", err)
			}
			return res, v.Context.Err() // taking it away may have undone the wake-up
		}
		if t := httptrace.ContextClientTrace(out.Context()); t != nil && t.Got1xxResponse != nil && res.StatusCode != http.StatusContinue {
			if err := t.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, fmt.Errorf("pass on status %d: %w", res.StatusCode, err)
			}
		}
	}
}

// stale marks an error that may come from the instance having closed the connection while it was kept.
func (c *laneConn) stale(err error) error {
	if c.reused && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return err
}

// laneBody gives the connection back when the answer was read to its end, and closes it when not.
type laneBody struct {
	io.ReadCloser
	l    *lane
	c    *laneConn // nil: given back or closed
	stop func() bool
	keep bool
}

// attach makes the answer's body the owner of the connection.
func (l *lane) attach(res *http.Response, c *laneConn, stop func() bool) {
	b := &laneBody{ReadCloser: res.Body, l: l, c: c, stop: stop, keep: !res.Close}
	if res.Body == http.NoBody {
		b.release(true)
		return
	}
	res.Body = b
}

func (b *laneBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.release(err == io.EOF)
	}
	return n, err
}

func (b *laneBody) Close() error {
	b.release(false)
	return nil
}

func (b *laneBody) release(whole bool) {
	if b.c == nil {
		return
	}
	c := b.c
	b.c = nil
	if b.stop() && whole && b.keep && c.in.Buffered() == 0 {
		b.l.put(c)
		return
	}
	_ = c.Close() // it cannot be used again
}

// appendHead writes the request line and the header. What could break out of a line is refused.
func appendHead(b []byte, r *http.Request) ([]byte, error) {
	uri := r.URL.RequestURI()
	if strings.ContainsAny(uri, " \r\n") || strings.ContainsAny(r.Host, " \r\n") {
		return b, fmt.Errorf("the request for %q at %q cannot be written", uri, r.Host)
	}
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, uri...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.Host...)
	b = append(b, '\r', '\n')
	for name, values := range r.Header {
		if name == "Host" || name == "Content-Length" || name == "Transfer-Encoding" || name == "Trailer" {
			continue
		}
		for _, v := range values {
			if v == "" && name == "User-Agent" {
				continue // httputil's way to say that there is none
			}
			if strings.ContainsAny(name, ": \r\n") || strings.ContainsAny(v, "\r\n") {
				return b, fmt.Errorf("the header %q cannot be written", name)
			}
			b = append(b, name...)
			b = append(b, ':', ' ')
			b = append(b, v...)
			b = append(b, '\r', '\n')
		}
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		b = append(b, "Content-Length: 0\r\n"...)
	}
	return append(b, '\r', '\n'), nil
}
