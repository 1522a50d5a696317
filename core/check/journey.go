package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name: "journey",
		Help: "walk through the service as a user does: a list of requests that keep cookies and pass values on",
		Example: `journey:
  steps:
    - {url: /login, form: {user: ann, password: {secret: ann}}}
    - {url: /shop, contains: Tea, capture: {item: 'data-item="(\d+)"'}}
    - {url: "/cart?item={item}", method: POST}
    - {url: /checkout, method: POST, contains: Thank you}`,
		New: func(decode func(any) error) (Check, error) {
			c := &journey{}
			if err := decode(c); err != nil {
				return nil, err
			}
			return c, c.prepare()
		},
	})
}

type journey struct {
	Steps []journeyStep `yaml:"steps" required:"true" help:"requests, in order"`
}

type journeyStep struct {
	Name     string                  `yaml:"name" help:"what the user does; default: method and url"`
	URL      string                  `yaml:"url" required:"true" help:"address; {name} stands for a captured value"`
	Method   string                  `yaml:"method" help:"request method; default GET, with a form or body POST"`
	Form     map[string]config.Value `yaml:"form" help:"fields of a form; a value is text or {secret: name}"`
	Body     string                  `yaml:"body" help:"request body; {name} stands for a captured value"`
	Headers  map[string]config.Value `yaml:"headers" help:"request headers"`
	Status   int                     `yaml:"status" default:"200" help:"wanted status, after redirects"`
	Contains string                  `yaml:"contains" help:"text that the page must contain"`
	Within   config.Duration         `yaml:"within" help:"the answer must be complete by then"`
	Capture  map[string]string       `yaml:"capture" help:"values for later steps: name and a regular expression with one group"`

	capture map[string]*regexp.Regexp
}

func (c *journey) prepare() error {
	if len(c.Steps) == 0 {
		return errors.New("steps: none are given")
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		s.capture = map[string]*regexp.Regexp{}
		for name, expr := range s.Capture {
			re, err := regexp.Compile(expr)
			if err == nil && re.NumSubexp() != 1 {
				err = fmt.Errorf("%q has %d groups, want one", expr, re.NumSubexp())
			}
			if err != nil {
				return fmt.Errorf("steps[%d].capture.%s: %w", i, name, err)
			}
			s.capture[name] = re
		}
	}
	return nil
}

func (c *journey) patience() time.Duration { return time.Minute }

// Run walks the whole way, and stops at the first step that is not as wanted.
func (c *journey) Run(ctx context.Context, t Target) good.Finding {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return unknown("a walk to its end", err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Jar: jar, Transport: transport, CheckRedirect: sameHost}
	values := map[string]string{}
	began := time.Now()
	for i := range c.Steps {
		s := &c.Steps[i]
		f := s.walk(ctx, client, t, values)
		if f.Verdict != good.Pass {
			f.Observed = fmt.Sprintf("step %d of %d, %s: %s", i+1, len(c.Steps), s.title(), f.Observed)
			return f
		}
	}
	return good.Finding{Verdict: good.Pass, Wanted: "a walk to its end", Observed: fmt.Sprintf("%d steps in %s", len(c.Steps), time.Since(began).Round(time.Millisecond))}
}

func (s *journeyStep) title() string {
	if s.Name != "" {
		return s.Name
	}
	return s.method() + " " + s.URL
}

func (s *journeyStep) method() string {
	switch {
	case s.Method != "":
		return strings.ToUpper(s.Method)
	case len(s.Form) > 0 || s.Body != "":
		return http.MethodPost
	}
	return http.MethodGet
}

func fill(text string, values map[string]string, escape func(string) string) string {
	for name, v := range values {
		text = strings.ReplaceAll(text, "{"+name+"}", escape(v))
	}
	return text
}

func (s *journeyStep) request(ctx context.Context, t Target, values map[string]string) (*http.Request, error) {
	u, err := t.url(fill(s.URL, values, url.QueryEscape))
	if err != nil {
		return nil, err
	}
	body := fill(s.Body, values, func(v string) string { return v })
	if len(s.Form) > 0 {
		form := url.Values{}
		for name, v := range s.Form {
			text, err := t.value(ctx, v)
			if err != nil {
				return nil, err
			}
			form.Set(name, fill(text, values, func(v string) string { return v }))
		}
		body = form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, s.method(), u.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "goodstate-check")
	if len(s.Form) > 0 {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, v := range s.Headers {
		text, err := t.value(ctx, v)
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, text)
	}
	return req, nil
}

func (s *journeyStep) walk(ctx context.Context, client *http.Client, t Target, values map[string]string) good.Finding {
	f := good.Finding{Verdict: good.Fail, Wanted: fmt.Sprintf("status %d", s.Status)}
	req, err := s.request(ctx, t, values)
	if err != nil {
		return unknown(f.Wanted, err)
	}
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return unreachable(ctx, f, req.URL.Path, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return unreachable(ctx, f, req.URL.Path, err)
	}
	f.Observed = fmt.Sprintf("answered %d in %s", res.StatusCode, time.Since(began).Round(time.Millisecond))
	switch {
	case res.StatusCode != s.Status:
		f.Detail = excerpt(body)
		return f
	case !strings.Contains(string(body), s.Contains):
		f.Wanted, f.Detail = fmt.Sprintf("a page with %q", s.Contains), excerpt(body)
		return f
	case s.Within > 0 && time.Since(began) > time.Duration(s.Within):
		f.Wanted = "an answer within " + s.Within.String()
		return f
	}
	for name, re := range s.capture {
		m := re.FindSubmatch(body)
		if m == nil {
			f.Wanted, f.Detail = fmt.Sprintf("a page that matches %s, for %s", s.Capture[name], name), excerpt(body)
			return f
		}
		values[name] = string(m[1])
	}
	f.Verdict = good.Pass
	return f
}
