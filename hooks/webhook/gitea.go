package webhook

import (
	"net/http"
	"time"
)

// Gitea and Forgejo sign the body in hex: https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks. Forgejo sends Gitea's headers too;
// where its own is there, it is the one that counts.
func init() {
	header := func(h http.Header, what string) string {
		if text := h.Get("X-Forgejo-" + what); text != "" {
			return text
		}
		return h.Get("X-Gitea-" + what)
	}
	k := kind{
		signed: func(secret []byte, h http.Header, body []byte, _ time.Time) bool {
			return hexHMAC(secret, body, header(h, "Signature"))
		},
		event: func(h http.Header) string { return header(h, "Event") },
		push:  hubPush,
	}
	kinds["gitea"], kinds["forgejo"] = k, k
}
