package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const maxBody = 1 << 20

// web is how a check speaks HTTP: directly, never through a proxy of the environment, with certificates verified.
type web struct {
	host   string // Host header and name in the certificate, when it is not the URL's
	ca     string // file with authorities, PEM
	http2  bool
	follow bool
	jar    http.CookieJar
}

// client returns a client with connections of its own; close ends them.
func (w web) client() (c *http.Client, closeAll func(), err error) {
	roots, err := authorities(w.ca)
	if err != nil {
		return nil, nil, err
	}
	tr := &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, ServerName: hostname(w.host), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 256 << 10,
	}
	if w.http2 {
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetHTTP2(true)
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	return &http.Client{Transport: tr, Jar: w.jar, CheckRedirect: w.redirect}, tr.CloseIdleConnections, nil
}

// redirect follows on the same host only: headers and forms of a check are meant for the target and nobody else.
func (w web) redirect(next *http.Request, before []*http.Request) error {
	from := before[len(before)-1].URL
	switch {
	case !w.follow:
		return http.ErrUseLastResponse
	case len(before) >= 10:
		return fmt.Errorf("redirected %d times, at last to %s", len(before), bare(next.URL))
	case next.URL.Hostname() != from.Hostname():
		return fmt.Errorf("redirected to another host, %s", bare(next.URL))
	case from.Scheme == "https" && next.URL.Scheme == "http":
		return fmt.Errorf("redirected from https to %s", bare(next.URL))
	}
	next.Host = before[0].Host
	return nil
}

// bare is a URL without what may be private in it.
func bare(u *url.URL) string {
	short := *u
	short.User, short.RawQuery, short.Fragment = nil, "", ""
	return short.String()
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// authorities reads a CA file; an empty path means those of the system.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca: %s has no certificate in PEM form", path)
	}
	return pool, nil
}

// answer is what came back.
type answer struct {
	status   int
	header   http.Header
	proto    string
	body     string
	cut      bool // the body is longer than what was read
	took     time.Duration
	location *url.URL
}

// do sends a request and reads the answer.
func (w web) do(ctx context.Context, c *http.Client, req *http.Request) (answer, error) {
	if w.host != "" {
		req.Host = w.host
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "goodstate-check")
	}
	began := time.Now()
	resp, err := c.Do(req.WithContext(ctx))
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, proto: resp.Proto, took: time.Since(began)}
	if a.cut = len(body) > maxBody; a.cut {
		body = body[:maxBody]
	}
	a.body = string(body)
	if to, err := resp.Location(); err == nil {
		a.location = to
	}
	return a, nil
}
