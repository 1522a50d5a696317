package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

var (
	errRefused = errors.New("connection refused")
	errSlow    = errors.New("the instance did not begin its answer in time")
)

// upstreams carry requests to instances.
type upstreams struct {
	http1, http2 *http.Transport
}

// idleUpstream is how long an unused connection to an instance is kept: less than the 5 s after which Node.js, the most hasty
// of the common servers, closes its end, because a POST that meets a closing connection cannot be sent again.
const idleUpstream = 4 * time.Second

var dialer = net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return c, nil
}

func newUpstreams() *upstreams {
	transport := func() *http.Transport {
		return &http.Transport{
			DialContext:           dial,
			DisableCompression:    true, // pass on what the instance sends
			MaxIdleConns:          0,
			MaxIdleConnsPerHost:   1024,
			IdleConnTimeout:       idleUpstream,
			ExpectContinueTimeout: time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			WriteBufferSize:       8 << 10,
			ReadBufferSize:        8 << 10,
			Protocols:             new(http.Protocols),
		}
	}
	u := &upstreams{http1: transport(), http2: transport()}
	u.http1.Protocols.SetHTTP1(true)
	u.http1.Protocols.SetHTTP2(true) // for https
	u.http2.Protocols.SetUnencryptedHTTP2(true)
	return u
}

func (u *upstreams) close() {
	u.http1.CloseIdleConnections()
	u.http2.CloseIdleConnections()
}

// RoundTrip sends the visit's request to an instance of its release, and to another one when that is safe: nothing was sent, or
// the request changes nothing and the instance broke off before it answered.
func (u *upstreams) RoundTrip(out *http.Request) (*http.Response, error) {
	v := out.Context().Value(visitKey{}).(*visit)
	var body *unread
	if out.Body != nil {
		body = &unread{r: out.Body}
		out.Body = body
	}
	var tried []*instance
	var last error
	for len(tried) == 0 || len(tried) < 4 && v.another(tried) {
		in := v.instance
		res, err := u.send(v, in, out)
		if err == nil {
			in.answered()
			return res, nil
		}
		last = err
		switch {
		case v.Context.Err() != nil, errors.Is(err, errSlow), body != nil && body.touched.Load():
			return nil, err
		case errors.Is(err, errRefused):
			in.refuse(time.Now())
		case !repeatable(out):
			return nil, err
		}
		tried = append(tried, in)
	}
	return nil, last
}

// send sends the request to one instance.
func (u *upstreams) send(v *visit, in *instance, out *http.Request) (*http.Response, error) {
	if fits(in, out) {
		return in.lane.roundTrip(v, in.addr, out)
	}
	ctx, cancel := context.WithCancelCause(out.Context())
	slow := time.AfterFunc(v.route.slow, func() { cancel(errSlow) })
	defer slow.Stop()
	v.cancel = func() { cancel(nil) } // frees what waits for the context, when the visit ends
	to := *out.URL
	to.Scheme, to.Host = in.url.Scheme, in.url.Host
	out = out.WithContext(ctx)
	out.URL = &to
	transport := u.http1
	if to.Scheme == "h2c" {
		to.Scheme, transport = "http", u.http2
	}
	res, err := transport.RoundTrip(out)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		err = errSlow
	}
	if err != nil {
		cancel(nil)
	}
	return res, err
}

// repeatable: sending the request twice does no more than sending it once.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return r.Header["Idempotency-Key"] != nil
}

// unread is a request body that says whether some of it was read. Closing is left to the server, so that it can be sent elsewhere.
type unread struct {
	r       io.Reader
	touched atomic.Bool
}

func (b *unread) Read(p []byte) (int, error) {
	b.touched.Store(true)
	return b.r.Read(p)
}

func (b *unread) Close() error { return nil }
