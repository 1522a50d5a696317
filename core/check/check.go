// Package check looks at a running release once and says what it saw: an answer over HTTP, a port, a query, a command, a
// run of tests, a user's way through the shop. Checks are a family; a member is one file with its registration.
//
// A check only looks. It decides nothing, keeps nothing between two looks, changes nothing at its target beyond what the
// look itself does, and never takes for Pass what it could not see: what could not be looked at is Unknown with the
// reason. A target that refuses, gives no answer in time or answers wrongly is Fail.
package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// Check looks once. The end of ctx by its deadline is the target's fault (Fail), by cancelling is nobody's (Unknown). It
// fills Verdict, Observed, Wanted, Detail and Hint of the finding; the rest is filled by Spec.Run. It is safe to use from
// several goroutines.
type Check interface {
	Run(ctx context.Context, t Target) good.Finding
}

// patient is a check that has another usual timeout than DefaultTimeout.
type patient interface{ Patience() time.Duration }

// Target is what is looked at: one instance of a release, or the address that its users have.
type Target struct {
	Service  string
	Release  string
	Instance string
	BaseURL  string            // http://127.0.0.1:PORT; relative URLs of checks are seen from it
	Dir      string            // the release's built folder, where commands run
	Env      map[string]string // for commands, beside a small clean environment
	Secret   func(ctx context.Context, name string) (string, error)

	hide *discretion // set by Spec.Run: what must not be in a finding
}

// url resolves a URL of the configuration against the target.
func (t Target) url(ref string) (*url.URL, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("url %q: %w", ref, errors.Unwrap(err))
	}
	if !u.IsAbs() {
		if t.BaseURL == "" {
			return nil, fmt.Errorf("url %s is relative and the target has no address", ref)
		}
		base, err := url.Parse(t.BaseURL)
		if err != nil {
			return nil, fmt.Errorf("address of the target: %w", err)
		}
		u = base.ResolveReference(u)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("url %s is neither http:// nor https:// with a host", u.Redacted())
	}
	return u, nil
}

// address is host:port for a check below HTTP; an empty one is the target's own.
func (t Target) address(given string) (string, error) {
	if given != "" {
		if _, _, err := net.SplitHostPort(given); err != nil {
			return "", fmt.Errorf("address %q is not HOST:PORT", given)
		}
		return given, nil
	}
	u, err := t.url("/")
	if err != nil {
		return "", errors.New("no address is given and the target has none")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// value is the plain text or the secret's value.
func (t Target) value(ctx context.Context, v config.Value) (string, error) {
	s, isSecret := v.Secret()
	if !isSecret {
		text, _ := v.Plain()
		return text, nil
	}
	if t.Secret == nil {
		return "", fmt.Errorf("secret %s is not there: no secrets are known here", s.Name())
	}
	text, err := t.Secret(ctx, s.Name())
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", s.Name(), err)
	}
	return text, nil
}

// excerpt is the beginning of a text as evidence, without secrets.
func (t Target) excerpt(text string, n int) string {
	return clip(strings.TrimSpace(printable(t.hide.clean(text))), n)
}

func passed(wanted, observed string) good.Finding {
	return good.Finding{Verdict: good.Pass, Observed: observed, Wanted: wanted}
}

func failed(wanted, observed string) good.Finding {
	return good.Finding{Verdict: good.Fail, Observed: observed, Wanted: wanted}
}

// unseen is the finding for what could not be looked at.
func unseen(wanted, reason string) good.Finding {
	return good.Finding{Verdict: good.Unknown, Observed: reason, Wanted: wanted}
}

// clip keeps the beginning of a text, whole characters only.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// printable keeps a target's bytes from doing anything to a terminal or a journal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

// span says a duration as a person would: three figures are enough.
func span(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		d = d.Round(time.Millisecond)
	default:
		d = d.Round(time.Microsecond)
	}
	return config.Duration(d).String()
}
