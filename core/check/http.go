package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "http",
		Help:    "GET a URL and judge its status, latency and body",
		Example: "http: {url: /healthz, status: 200, within: 300ms}",
		New: func(decode func(any) error) (Check, error) {
			c := &httpCheck{}
			if err := decode(c); err != nil {
				return nil, err
			}
			return c, c.prepare()
		},
	})
}

type httpCheck struct {
	URL      string                  `yaml:"url" required:"true" help:"address; one without a host is taken from the instance or the service" example:"/healthz"`
	Method   string                  `yaml:"method" default:"GET" help:"request method"`
	Headers  map[string]config.Value `yaml:"headers" help:"request headers; a value is text or {secret: name}"`
	Body     string                  `yaml:"body" help:"request body"`
	Status   string                  `yaml:"status" default:"2xx" help:"wanted status: a number, a class (2xx) or a list of them with commas"`
	Within   config.Duration         `yaml:"within" help:"the answer must be complete by then; without it only the check's timeout counts"`
	Contains string                  `yaml:"contains" help:"text that the body must contain"`
	Matches  string                  `yaml:"matches" help:"regular expression that the body must match"`
	Follow   bool                    `yaml:"follow" help:"follow redirects"`
	CA       string                  `yaml:"ca" help:"file with the certificates in PEM to trust besides the system's"`

	statuses []string
	pattern  *regexp.Regexp
	client   *http.Client
}

const maxBody = 1 << 20

func (c *httpCheck) prepare() error {
	form := regexp.MustCompile(`^[1-5](\d\d|xx)$`)
	for _, s := range strings.Split(c.Status, ",") {
		s = strings.ToLower(strings.TrimSpace(s))
		if !form.MatchString(s) {
			return fmt.Errorf("status %q: want a number such as 200, a class such as 2xx, or several with commas", c.Status)
		}
		c.statuses = append(c.statuses, s)
	}
	if c.Matches != "" {
		var err error
		if c.pattern, err = regexp.Compile(c.Matches); err != nil {
			return fmt.Errorf("matches: %w", err)
		}
	}
	roots, err := trusted(c.CA)
	if err != nil {
		return err
	}
	c.client = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		DialContext: (&net.Dialer{}).DialContext,
	}}
	c.client.CheckRedirect = sameHost
	if !c.Follow {
		c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return nil
}

// sameHost follows redirects on the same host only: the headers and forms of a check, which may be secret, are meant for
// its target and nobody else.
func sameHost(next *http.Request, before []*http.Request) error {
	from := before[len(before)-1].URL
	switch {
	case len(before) >= 10:
		return fmt.Errorf("redirected %d times", len(before))
	case next.URL.Hostname() != from.Hostname():
		return fmt.Errorf("redirected to another host, %s", next.URL.Hostname())
	case from.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("redirected from https to http")
	}
	return nil
}

// trusted is the system's certificates and those of the file; nil means only the system's.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca: %s has no certificate in PEM", file)
	}
	return pool, nil
}

func (c *httpCheck) wanted() string {
	w := "status " + c.Status
	if c.Within > 0 {
		w += " within " + c.Within.String()
	}
	if c.Contains != "" {
		w += fmt.Sprintf(", body with %q", c.Contains)
	}
	if c.pattern != nil {
		w += ", body matching " + c.Matches
	}
	return w
}

func (c *httpCheck) request(ctx context.Context, t Target) (*http.Request, error) {
	u, err := t.url(c.URL)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, u.String(), strings.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "goodstate-check")
	for name, v := range c.Headers {
		text, err := t.value(ctx, v)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "host") {
			req.Host = text
		}
		req.Header.Set(name, text)
	}
	return req, nil
}

// Run asks once.
func (c *httpCheck) Run(ctx context.Context, t Target) good.Finding {
	req, err := c.request(ctx, t)
	if err != nil {
		return unknown(c.wanted(), err)
	}
	f := good.Finding{Wanted: c.wanted(), Verdict: good.Fail}
	began := time.Now()
	res, err := c.client.Do(req)
	if err != nil {
		return unreachable(ctx, f, req.URL.Path, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return unreachable(ctx, f, req.URL.Path, err)
	}
	took := time.Since(began)
	f.Observed = fmt.Sprintf("%s answered %d in %s", req.URL.Path, res.StatusCode, took.Round(time.Millisecond))
	switch {
	case !c.statusOK(res.StatusCode):
		f.Detail = excerpt(body)
		if res.StatusCode/100 == 3 {
			f.Hint = "it redirects to " + res.Header.Get("Location") + "; set url to that, or follow: true"
		}
		return f
	case c.Within > 0 && took > time.Duration(c.Within):
		return f
	case !strings.Contains(string(body), c.Contains), c.pattern != nil && !c.pattern.Match(body):
		f.Observed += " with another body"
		f.Detail = excerpt(body)
		return f
	}
	f.Verdict = good.Pass
	return f
}

func (c *httpCheck) statusOK(code int) bool {
	text := strconv.Itoa(code)
	return slices.ContainsFunc(c.statuses, func(want string) bool { return want == text || want[1:] == "xx" && want[0] == text[0] })
}

// unreachable says why there was no answer. A name that does not resolve for now says nothing about the target.
func unreachable(ctx context.Context, f good.Finding, what string, err error) good.Finding {
	if end, ok := interrupted(ctx); ok {
		return end
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && !dns.IsNotFound {
		return unknown(f.Wanted, err)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" && ctx.Err() == nil {
		err = fmt.Errorf("no connection to %s: %w", op.Addr, op.Err)
	}
	f.Observed = what + ": " + because(ctx, err)
	return f
}

// excerpt is the start of a text, for evidence.
func excerpt(b []byte) string {
	const most = 500
	text := strings.ToValidUTF8(string(b[:min(len(b), most)]), "?")
	if len(b) > most {
		text += " ..."
	}
	return strings.TrimSpace(text)
}
