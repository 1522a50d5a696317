package jinja

import (
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// urlParts are those of Python's urlsplit.
type urlParts struct {
	scheme, netloc, path, query, fragment string
	username, password, hostname          any
	port                                  any
}

func splitURL(text string) (urlParts, error) {
	var u urlParts
	text = strings.TrimLeft(text, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(text)
	if i := strings.IndexByte(text, ':'); i > 0 && isScheme(text[:i]) {
		u.scheme, text = strings.ToLower(text[:i]), text[i+1:]
	}
	if rest, ok := strings.CutPrefix(text, "//"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		u.netloc, text = rest[:end], rest[end:]
		if strings.Contains(u.netloc, "[") != strings.Contains(u.netloc, "]") {
			return u, valueErrorf("Invalid IPv6 URL")
		}
	}
	text, u.fragment, _ = strings.Cut(text, "#")
	u.path, u.query, _ = strings.Cut(text, "?")
	return u, u.host()
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// host takes the netloc apart.
func (u *urlParts) host() error {
	host := u.netloc
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		user, pass, has := strings.Cut(host[:i], ":")
		u.username = user
		if has {
			u.password = pass
		}
		host = host[i+1:]
	}
	port := ""
	if rest, ok := strings.CutPrefix(host, "["); ok {
		host, port, _ = strings.Cut(rest, "]")
		port = strings.TrimPrefix(port, ":")
	} else {
		host, port, _ = strings.Cut(host, ":")
	}
	if host != "" {
		u.hostname = strings.ToLower(host)
	}
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 64)
	if err != nil {
		return valueErrorf("Port could not be cast to integer value as %s", quote(port))
	}
	if n > 65535 {
		return valueErrorf("Port out of range 0-65535")
	}
	u.port = int64(n)
	return nil
}

func init() {
	filters.add("urlsplit", "value query='' alias='urlsplit'", func(c *call) (any, error) {
		text, err := c.text(0)
		if err != nil {
			return nil, err
		}
		u, err := splitURL(text)
		if err != nil {
			return nil, err
		}
		d := py.DictOf("fragment", u.fragment, "hostname", u.hostname, "netloc", u.netloc, "password", u.password, "path", u.path, "port", u.port,
			"query", u.query, "scheme", u.scheme, "username", u.username)
		want, err := c.str(1)
		if err != nil || want == "" {
			return d, err
		}
		v, ok := d.Get(want)
		if !ok {
			return nil, filterErrorf("urlsplit: unknown URL component: %s", want)
		}
		return v, nil
	})
}
