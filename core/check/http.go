package check

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func init() {
	config.Register(config.Kind[Check]{
		Name:    "http",
		Help:    "sends one HTTP request and judges the answer's status, time and body",
		Example: "http: {url: /healthz, status: 200, within: 300ms}",
		New: func(decode func(any) error) (Check, error) {
			c := &httpCheck{}
			return c, decode(c)
		},
	})
}

type httpCheck struct {
	URL     string                  `yaml:"url" help:"address, seen from the instance: /healthz or a full http(s):// URL" default:"/" example:"/healthz"`
	Method  string                  `yaml:"method" help:"HTTP method" default:"GET"`
	Headers map[string]config.Value `yaml:"headers" help:"request headers; a value may be {secret: NAME}" example:"{Accept: application/json}"`
	Body    string                  `yaml:"body" help:"request body, as it is written"`
	Expect  `yaml:",inline"`
	Follow  bool   `yaml:"follow" help:"follow redirects on the same host; without it a redirect is an answer like any other" default:"false"`
	Host    string `yaml:"host" help:"Host header and name in the certificate, when they are not the URL's" example:"shop.example.com"`
	CA      string `yaml:"ca" help:"file with the certificates (PEM) of the authority that signed the target's" example:"/etc/ssl/shop-ca.pem"`
	HTTP2   bool   `yaml:"http2" help:"speak HTTP/2 and nothing else, also without TLS" default:"false"`
}

// Validate finds what could never work.
func (c *httpCheck) Validate(report func(path, message string)) {
	validRequest(report, c.URL, c.Method, c.Headers)
}

func validRequest(report func(path, message string), ref, method string, headers map[string]config.Value) {
	if u, err := url.Parse(ref); err != nil {
		report("url", fmt.Sprintf("%q is not a URL", ref))
	} else if u.IsAbs() && u.Scheme != "http" && u.Scheme != "https" {
		report("url", fmt.Sprintf("speaks %s, want http:// or https://", u.Scheme))
	} else if _, has := u.User.Password(); has {
		report("url", "has a password in it; send it as a header with {secret: NAME}")
	}
	if strings.ToUpper(method) != method || strings.ContainsAny(method, " \t\r\n") {
		report("method", fmt.Sprintf("%q is not an HTTP method in capitals", method))
	}
	for name := range headers {
		if strings.EqualFold(name, "host") {
			report("headers."+name, "is not sent from here; set host:")
		}
	}
}

// Run sends the request.
func (c *httpCheck) Run(ctx context.Context, t Target) good.Finding {
	wanted := c.wanted()
	if c.HTTP2 {
		wanted += " over HTTP/2"
	}
	u, err := t.url(c.URL)
	if err != nil {
		return hint(unseen(wanted, err.Error()), "give the check a full url:, or run it against an instance")
	}
	what := shown(c.URL, u)
	w := web{host: c.Host, ca: c.CA, http2: c.HTTP2, follow: c.Follow}
	client, done, err := w.client()
	if err != nil {
		return unseen(wanted, err.Error())
	}
	defer done()
	req, err := http.NewRequest(c.Method, u.String(), strings.NewReader(c.Body))
	if err != nil {
		return unseen(wanted, fmt.Sprintf("the request for %s cannot be made: %v", what, innermost(err)))
	}
	if err := headers(ctx, t, req, c.Headers); err != nil {
		return unseen(wanted, err.Error())
	}
	began := time.Now()
	a, err := w.do(ctx, client, req)
	if err != nil {
		return unreachable(ctx, what, wanted, began, err)
	}
	if observed, advice := c.wrong(a); observed != "" {
		f := hint(failed(wanted, what+" "+observed), advice)
		f.Detail = evidence(t, a)
		return f
	}
	return passed(wanted, fmt.Sprintf("%s answered %d in %s", what, a.status, span(a.took)))
}

// shown is the URL for people: as they wrote it, without what may be private in it.
func shown(ref string, u *url.URL) string {
	if strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "//") {
		path, _, _ := strings.Cut(ref, "?")
		return path
	}
	return bare(u)
}

func headers(ctx context.Context, t Target, req *http.Request, all map[string]config.Value) error {
	for name, v := range all {
		text, err := t.value(ctx, v)
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		req.Header.Set(name, text)
	}
	return nil
}

// evidence is the beginning of a wrong answer.
func evidence(t Target, a answer) string {
	if a.body == "" {
		return a.reason() + ", no body"
	}
	return a.reason() + "\n" + t.excerpt(a.body, 600)
}
