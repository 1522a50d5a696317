// Package check is the family of health checks and tests: it looks at a target once and says what it saw. A check never
// changes what it looks at, and what it could not look at is Unknown, never Pass.
package check

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// Check looks once. It returns a finding and no error: a target that refuses, is late or answers wrongly is Fail; what says
// nothing about the target (no program to run, an interrupted look) is Unknown. A check obeys its context.
type Check interface {
	Run(ctx context.Context, t Target) good.Finding
}

// Target is what is looked at.
type Target struct {
	Service   string
	Release   string            // version
	ReleaseID string            // as instances find it in GOODSTATE_RELEASE
	Instance  string            // instance id; empty for the service as users reach it
	BaseURL   string            // http://127.0.0.1:PORT; relative addresses are taken from it
	Dir       string            // folder of the built release; commands run in it
	Env       map[string]string // for commands
	Secret    func(ctx context.Context, name string) (string, error)
}

// Kind describes one member of the family; a member registers itself in its file.
type Kind = config.Kind[Check]

func register(k Kind) { config.Register(k) }

// url resolves an address against the target's; a relative one without a target cannot be looked at.
func (t Target) url(ref string) (*url.URL, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", ref, err)
	}
	if u.IsAbs() {
		return u, nil
	}
	if t.BaseURL == "" {
		return nil, fmt.Errorf("%s is relative and the service has no address; say the whole one, http://HOST:PORT%s", ref, ref)
	}
	base, err := url.Parse(t.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("address of %s: %w", t.Service, err)
	}
	return base.ResolveReference(u), nil
}

// value resolves plain text or a secret.
func (t Target) value(ctx context.Context, v config.Value) (string, error) {
	secret, ok := v.Secret()
	if !ok {
		text, _ := v.Plain()
		return text, nil
	}
	if t.Secret == nil {
		return "", fmt.Errorf("secret %s cannot be had here", secret.Name())
	}
	return t.Secret(ctx, secret.Name())
}

// environ is what commands get: what is needed to find programs, and what they should look at.
func (t Target) environ() []string {
	env := []string{
		"GOODSTATE_SERVICE=" + t.Service, "GOODSTATE_RELEASE=" + t.Release, "GOODSTATE_INSTANCE=" + t.Instance, "GOODSTATE_URL=" + t.BaseURL,
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "PATH", "HOME", "LANG", "TMPDIR", "TZ", "USER", "GOCACHE", "GOPATH", "GOMODCACHE", "GOPROXY", "GOFLAGS", "JAVA_HOME", "VIRTUAL_ENV":
			env = append(env, e)
		}
	}
	for name, value := range t.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// interrupted is the finding of a look that was ended from outside; ok is false when it was not.
func interrupted(ctx context.Context) (good.Finding, bool) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		return good.Finding{}, false
	}
	return good.Finding{Observed: "interrupted", Wanted: "a look to its end"}, true
}

// unknown says why nothing could be looked at.
func unknown(wanted string, err error) good.Finding {
	return good.Finding{Observed: err.Error(), Wanted: wanted}
}
