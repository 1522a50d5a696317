package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
)

// cookieName is the cookie that keeps a user on her release: "CLIENT.RELEASE".
const cookieName = "goodstate"

const clientIDLen = 24 // hex digits

// stickyOf reads the cookie of a request: the client's random id and the release that served it last. Both are empty when
// there is no cookie or when it is not one of ours.
func stickyOf(h http.Header) (client, release string) {
	for _, line := range h["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), cookieName+"=")
			if !ok {
				continue
			}
			client, release, _ := strings.Cut(strings.TrimRight(value, " "), ".")
			if len(client) == clientIDLen && isHex(client) {
				return client, release
			}
		}
	}
	return "", ""
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// stickyCookie is the line that sets the cookie. Release ids have no characters that a cookie cannot carry (see good.Release.ID
// and check).
func stickyCookie(client, release string, secure bool) string {
	line := cookieName + "=" + client + "." + release + "; Path=/; HttpOnly; SameSite=Lax"
	if secure {
		line += "; Secure"
	}
	return line
}

// newClientID is an id that says nothing about the user.
func newClientID() string {
	var b [clientIDLen / 2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
