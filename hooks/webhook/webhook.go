// Package webhook reads the pushes that Git hosts tell of: who sent a request is proven before anything of it is read, and what it says is believed no further
// than which branch of which repository was pushed. It does no I/O; whoever offers the address starts what a push releases.
package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Config is one address that a Git host tells of pushes. It is the value of `webhooks.NAME`; the address is /hooks/NAME.
type Config struct {
	From     string        `yaml:"from" json:"from" required:"true" enum:"github,gitlab,gitea,forgejo" help:"which kind of Git host sends"`
	Secret   config.Secret `yaml:"secret" json:"secret" required:"true" help:"the secret that the host was given for this webhook, at least 16 characters" example:"{secret: webhook}"`
	Services []string      `yaml:"services" json:"services,omitempty" help:"services that its pushes may release; without it those whose source.git is the pushed repository" example:"[web]"`
}

// Most is the largest request that is read, in bytes.
const Most = 5 << 20

// shortest is the length of a secret that cannot be guessed.
const shortest = 16

// Push is what a host tells: a branch has a new newest commit.
type Push struct {
	ID         string   // the same for the same request, whoever sends it again
	Branch     string   // empty: not a push of a branch, and there is nothing to do
	Commit     string   // newest commit; empty: the branch was deleted
	Who        string   // as the host says
	Repository []string // addresses of the repository
}

// ErrRefused says that a request is not from the host: no signature, or one that does not hold.
var ErrRefused = errors.New("the signature does not hold")

// kind is how one kind of host signs and speaks; a member of the family is one file.
type kind struct {
	signed func(secret []byte, h http.Header, body []byte, now time.Time) bool
	event  func(h http.Header) string // "push", or something else
	push   func(body []byte) (Push, error)
}

var kinds = map[string]kind{}

// Read proves who sent a request, and reads it then.
func (c *Config) Read(secret string, h http.Header, body []byte, now time.Time) (Push, error) {
	k, ok := kinds[c.From]
	if !ok {
		return Push{}, fmt.Errorf("unknown kind of Git host %q", c.From)
	}
	if len(secret) < shortest {
		return Push{}, fmt.Errorf("the secret of the webhook has %d characters, want %d or more", len(secret), shortest)
	}
	if !k.signed([]byte(secret), h, body, now) {
		return Push{}, ErrRefused
	}
	if k.event(h) != "push" {
		return Push{}, nil
	}
	body, err := payload(h, body)
	if err != nil {
		return Push{}, err
	}
	p, err := k.push(body)
	if err != nil {
		return Push{}, err
	}
	sum := sha256.Sum256(body)
	p.ID = "webhook-" + hex.EncodeToString(sum[:16])
	return p, p.check()
}

// payload is the JSON of a request, which hosts also send as a field of a form.
func payload(h http.Header, body []byte) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("content type %.50q: %w", h.Get("Content-Type"), err)
	}
	if kind != "application/x-www-form-urlencoded" {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("form: %w", err)
	}
	return []byte(form.Get("payload")), nil
}

const (
	branchMost     = 250
	whoMost        = 100
	repositoryMost = 10
)

// check refuses what no Git host says.
func (p *Push) check() error {
	if len(p.Branch) > branchMost || strings.ContainsFunc(p.Branch, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("branch %.50q is no name of a branch", p.Branch)
	}
	if strings.Trim(p.Commit, "0") == "" {
		p.Commit = "" // deleted
	}
	if p.Commit != "" && (len(p.Commit) != 40 && len(p.Commit) != 64 || strings.Trim(p.Commit, "0123456789abcdef") != "") {
		return fmt.Errorf("commit %.70q is no id of a commit", p.Commit)
	}
	p.Who = strings.Join(strings.FieldsFunc(p.Who, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	p.Who = strings.ToValidUTF8(p.Who[:min(len(p.Who), whoMost)], "")
	p.Repository = slices.DeleteFunc(p.Repository, func(s string) bool { return s == "" })
	p.Repository = p.Repository[:min(len(p.Repository), repositoryMost)]
	return nil
}

// branch is the branch of a ref; other refs have none.
func branch(ref string) string {
	name, ok := strings.CutPrefix(ref, "refs/heads/")
	if !ok {
		return ""
	}
	return name
}

// Same tells whether two addresses are of the same repository, whatever way they are reached on: git@host:a/b.git is https://host/a/b.
func Same(a, b string) bool {
	x, y := place(a), place(b)
	return x != "" && x == y
}

// place is host and path of an address, in small letters and without .git; empty for what is no address.
func place(address string) string {
	if !strings.Contains(address, "://") {
		host, path, ok := strings.Cut(address, ":")
		if !ok || strings.Contains(host, "/") {
			return ""
		}
		address = "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	path := strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	if path == "" {
		return ""
	}
	return strings.ToLower(u.Hostname() + "/" + path)
}

// equal compares in a time that tells nothing.
func equal(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
