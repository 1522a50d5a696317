package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"goodstate.dev/goodstate/rollout/traffic"
)

// Client talks to the proxy of a directory. A proxy that was killed is started again by the next call, with its routes. Its
// methods may be called from several goroutines.
type Client struct {
	opt  Options
	http *http.Client

	mu     sync.Mutex
	closed error // why no more calls are made
}

var _ traffic.Router = (*Client)(nil)

// errNoProxy: nobody answers on the socket.
var errNoProxy = errors.New("the proxy does not answer")

func newClient(opt Options) *Client {
	path := filepath.Join(opt.Dir, socketName)
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Client{opt: opt, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, "unix", path)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errNoProxy, err)
			}
			return c, nil
		},
		IdleConnTimeout: 10 * time.Second,
	}}}
}

// Close ends the client; the proxy goes on.
func (c *Client) Close() error {
	c.refuse(errors.New("the client was closed"))
	c.http.CloseIdleConnections()
	return nil
}

func (c *Client) refuse(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = why
}

func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Ping asks the proxy whether it lives; it does not start one. The error names routes that it cannot serve.
func (c *Client) Ping(ctx context.Context) error {
	p, err := c.ping(ctx)
	if err != nil {
		return fmt.Errorf("ping the proxy in %s: %w", c.opt.Dir, err)
	}
	if len(p.Problems) > 0 {
		return fmt.Errorf("the proxy in %s (pid %d) does not serve all routes: %s", c.opt.Dir, p.PID, p.Problems[0])
	}
	return nil
}

// PID is the proxy's process.
func (c *Client) PID(ctx context.Context) (int, error) {
	p, err := c.ping(ctx)
	if err != nil {
		return 0, fmt.Errorf("ping the proxy in %s: %w", c.opt.Dir, err)
	}
	return p.PID, nil
}

func (c *Client) ping(ctx context.Context) (p pong, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return p, c.once(ctx, http.MethodGet, "/ping", nil, &p)
}

// Apply makes the route the one in force; see traffic.Router.
func (c *Client) Apply(ctx context.Context, r traffic.Route) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("apply the route of %s: %w", r.Service, err)
	}
	return c.call(ctx, http.MethodPut, "/routes", b, nil)
}

// Route tells the route in force; see traffic.Router. A route whose address could not be opened is an error.
func (c *Client) Route(ctx context.Context, service string) (traffic.Route, bool, error) {
	var f found
	err := c.call(ctx, http.MethodGet, "/routes/"+url.PathEscape(service), nil, &f)
	return f.Route, f.OK, err
}

// Remove ends the service's route; see traffic.Router.
func (c *Client) Remove(ctx context.Context, service string) error {
	return c.call(ctx, http.MethodDelete, "/routes/"+url.PathEscape(service), nil, nil)
}

// Drain waits until the release, or one instance of it, has no request under way; see traffic.Router. WebSockets count as requests.
func (c *Client) Drain(ctx context.Context, service, release, instance string) error {
	path := "/drain/" + url.PathEscape(service) + "/" + url.PathEscape(release) + "?instance=" + url.QueryEscape(instance)
	what := fmt.Sprintf("drain release %s of %s", release, service)
	if instance != "" {
		what = fmt.Sprintf("drain instance %s of %s", instance, service)
	}
	for {
		d := drained{Left: -1}
		err := c.call(ctx, http.MethodPost, path, nil, &d)
		if err == nil && d.Left == 0 {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() == nil {
			continue
		}
		if d.Left < 0 { // ctx ended before the answer: ask what is left
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			err = c.once(last, http.MethodPost, path+"&now=1", nil, &d)
			cancel()
		}
		if d.Left == 0 && err == nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		}
		return fmt.Errorf("%s: %d requests still under way: %w", what, d.Left, ctx.Err())
	}
}

// Seconds tells what each release answered in each whole second; see traffic.Router. Requests that clients gave up are not among
// a second's Requests. Release "" stands for users that no release could serve.
func (c *Client) Seconds(ctx context.Context, service string, since time.Time) ([]traffic.Second, error) {
	var out []traffic.Second
	ns := strconv.FormatInt(max(since.Unix(), 0)*int64(time.Second)+int64(since.Nanosecond()), 10)
	err := c.call(ctx, http.MethodGet, "/seconds/"+url.PathEscape(service)+"?since="+ns, nil, &out)
	return out, err
}

// Failing lists the kinds of requests that releases failed; see traffic.Witness.
func (c *Client) Failing(ctx context.Context, service string) ([]traffic.Failing, error) {
	var out []traffic.Failing
	err := c.call(ctx, http.MethodGet, "/failing/"+url.PathEscape(service), nil, &out)
	return out, err
}

// Shutdown ends the proxy: requests finish, for its time of grace at most. It returns when the process is gone, and the client
// makes no more calls.
func (c *Client) Shutdown(ctx context.Context) error {
	c.refuse(errors.New("the proxy was shut down"))
	defer c.http.CloseIdleConnections()
	err := c.once(ctx, http.MethodPost, "/shutdown", nil, nil)
	if err != nil && !errors.Is(err, errNoProxy) {
		return fmt.Errorf("shut down the proxy in %s: %w", c.opt.Dir, err)
	}
	lock := flock.New(filepath.Join(c.opt.Dir, lockName))
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return fmt.Errorf("shut down the proxy in %s: it has not ended yet: %w", c.opt.Dir, err)
	}
	return lock.Unlock()
}

// call is once, after starting the proxy again when it is gone. All that clients ask may be asked twice.
func (c *Client) call(ctx context.Context, method, path string, body []byte, out any) error {
	for again := false; ; again = true {
		if why := c.why(); why != nil {
			return fmt.Errorf("proxy in %s: %w", c.opt.Dir, why)
		}
		err := c.once(ctx, method, path, body, out)
		var said *saidNo
		if err == nil || errors.As(err, &said) || ctx.Err() != nil || again {
			return err
		}
		if serr := c.start(ctx); serr != nil {
			return errors.Join(err, serr)
		}
	}
}

// saidNo is what the proxy answered when it could not do it.
type saidNo struct{ why string }

func (e *saidNo) Error() string { return "proxy: " + e.why }

func (c *Client) once(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://proxy"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // what was read counts
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the proxy's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var no refusal
		if err := json.Unmarshal(b, &no); err != nil || no.Error == "" {
			no.Error = fmt.Sprintf("%s %s: %s", method, path, res.Status)
		}
		return &saidNo{no.Error}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read the proxy's answer: %w", err)
	}
	return nil
}
