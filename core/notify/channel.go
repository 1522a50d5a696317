package notify

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Channel is a way to tell somebody: a chat, mail, a pager, a program. A member of the family is one file.
type Channel interface {
	// Deliver tells one notice and returns nil once the other side has taken it. It may be called again for a notice that was taken, when the process died
	// before that was recorded: where the other side can recognise a repetition, the notice's Key is handed to it. Deliver returns soon after ctx ends.
	// An error is tried again later, unless it is a *Refusal that says otherwise; it may hold what Notice.Reveal returned, which is taken out by the caller.
	Deliver(ctx context.Context, n Notice) error
}

// Notice is an event on its way to one channel.
type Notice struct {
	Event
	Key string // the same at every attempt

	client  *http.Client
	vault   *vault
	threads threads
	lane    string // name of the channel
}

// Reveal returns the text of a value of the configuration, a secret or not.
func (n Notice) Reveal(ctx context.Context, v config.Value) (string, error) {
	if s, ok := v.Secret(); ok {
		return n.Secret(ctx, s)
	}
	text, _ := v.Plain()
	return text, nil
}

// Secret returns the value of a secret.
func (n Notice) Secret(ctx context.Context, s config.Secret) (string, error) {
	return n.vault.open(ctx, s.Name())
}

// Refusal is an error of Channel.Deliver that says more about trying again.
type Refusal struct {
	Err   error
	Final bool          // trying again cannot help
	After time.Duration // not before; zero if nothing was said
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// vault looks secrets up for one delivery and takes what it handed out, whole and in parts, out of texts.
type vault struct {
	get    func(ctx context.Context, name string) (string, error)
	redact func(string) string
	out    map[string]string // by value: name
}

func (v *vault) open(ctx context.Context, name string) (string, error) {
	if v.get == nil {
		return "", fmt.Errorf("secret %s: no secrets are configured", name)
	}
	value, err := v.get(ctx, name)
	if err != nil {
		return "", err
	}
	v.out[value] = name
	return value, nil
}

// clean takes everything secret out of a text. A secret that is a URL is also recognised by its parts: libraries and servers repeat them alone.
func (v *vault) clean(text string) string {
	marks := map[string]string{}
	for value, name := range v.out {
		mark := "(secret " + name + ")"
		for _, part := range parts(value) {
			marks[part] = mark
			marks[url.QueryEscape(part)] = mark
			marks[url.PathEscape(part)] = mark
		}
		marks[value] = mark
	}
	found := make([]string, 0, len(marks))
	for part := range marks {
		if part != "" {
			found = append(found, part)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(found))
	for _, part := range found {
		pairs = append(pairs, part, marks[part])
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	if v.redact != nil {
		text = v.redact(text)
	}
	return text
}

// shortestPart is the length from which a part of a secret URL counts as secret itself; shorter ones are words like "v1".
const shortestPart = 6

// parts takes a URL apart into what could be secret: user, password, elements of the path, values of the query, the host where it is no web address.
func parts(value string) []string {
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" {
		return nil
	}
	all := append([]string{u.User.Username(), u.Opaque}, strings.Split(u.Path, "/")...)
	if u.Scheme != "http" && u.Scheme != "https" {
		all = append(all, u.Host) // some services keep a token there
	}
	if password, ok := u.User.Password(); ok {
		all = append(all, password)
	}
	for _, values := range u.Query() {
		all = append(all, values...)
	}
	var long []string
	for _, part := range all {
		if len(part) >= shortestPart {
			long = append(long, part)
		}
	}
	return long
}
