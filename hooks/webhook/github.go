package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

func init() {
	kinds["github"] = kind{
		// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
		signed: func(secret []byte, h http.Header, body []byte, _ time.Time) bool {
			hexed, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
			return ok && hexHMAC(secret, body, hexed)
		},
		event: func(h http.Header) string { return h.Get("X-GitHub-Event") },
		push:  hubPush,
	}
}

// hexHMAC says whether a text is the HMAC-SHA256 of a body in hex.
func hexHMAC(secret, body []byte, text string) bool {
	got, err := hex.DecodeString(text)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), got)
}

// hubPush reads a push as GitHub, and after it Gitea and Forgejo, write it.
func hubPush(body []byte) (Push, error) {
	var p struct {
		Ref        string `json:"ref"`
		After      string `json:"after"`
		Deleted    bool   `json:"deleted"`
		Repository struct {
			Clone string `json:"clone_url"`
			SSH   string `json:"ssh_url"`
			Git   string `json:"git_url"`
			HTML  string `json:"html_url"`
		} `json:"repository"`
		Pusher struct {
			Name  string `json:"name"`
			Login string `json:"login"`
			User  string `json:"username"`
		} `json:"pusher"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return Push{}, fmt.Errorf("the push cannot be read: %w", err)
	}
	if p.Deleted {
		p.After = ""
	}
	who := p.Pusher.Name
	for _, name := range []string{p.Pusher.Login, p.Pusher.User} {
		if who == "" {
			who = name
		}
	}
	return Push{Branch: branch(p.Ref), Commit: p.After, Who: who, Repository: []string{p.Repository.Clone, p.Repository.SSH, p.Repository.Git, p.Repository.HTML}}, nil
}
