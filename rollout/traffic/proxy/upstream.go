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

func newUpstreams() *upstreams {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefused, err)
		}
		return c, nil
	}
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
	ctx, cancel := context.WithCancelCause(out.Context())
	v.cancel = func() { cancel(nil) }
	slow := time.AfterFunc(v.route.slow, func() { cancel(errSlow) })
	defer slow.Stop()
	out = out.WithContext(ctx)

	var body *unread
	if out.Body != nil {
		body = &unread{r: out.Body}
		out.Body = body
	}
	var tried []*instance
	var last error
	for len(tried) < 4 {
		in := v.pool.pick(tried, v.began.UnixNano())
		if in == nil {
			break
		}
		v.enterInstance(in)
		to := *out.URL
		to.Scheme, to.Host = in.url.Scheme, in.url.Host
		out.URL = &to
		res, err := u.send(in, out)
		if err == nil {
			in.answered()
			return res, nil
		}
		if last = err; context.Cause(ctx) != nil {
			if errors.Is(context.Cause(ctx), errSlow) {
				return nil, errSlow
			}
			return nil, err
		}
		if errors.Is(err, errRefused) {
			in.refuse(time.Now())
		} else if !repeatable(out) {
			return nil, err
		}
		if body != nil && body.touched.Load() {
			return nil, err
		}
		tried = append(tried, in)
	}
	return nil, last
}

func (u *upstreams) send(in *instance, out *http.Request) (*http.Response, error) {
	if in.url.Scheme == "h2c" {
		out.URL.Scheme = "http"
		return u.http2.RoundTrip(out)
	}
	return u.http1.RoundTrip(out)
}

// enterInstance counts the visit in at its instance, and out at the one that it tried before.
func (v *visit) enterInstance(in *instance) {
	if v.instance != nil {
		v.instance.inflight.Add(-1)
	}
	v.instance = in
	in.inflight.Add(1)
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
