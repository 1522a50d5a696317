package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func init() {
	kinds["gitlab"] = kind{
		signed: func(secret []byte, h http.Header, body []byte, now time.Time) bool {
			if h.Get("Webhook-Signature") != "" {
				return standard(secret, h, body, now)
			}
			return equal([]byte(h.Get("X-Gitlab-Token")), secret)
		},
		event: func(h http.Header) string {
			if h.Get("X-Gitlab-Event") == "Push Hook" {
				return "push"
			}
			return h.Get("X-Gitlab-Event")
		},
		push: gitlabPush,
	}
}

// fresh is how old a signed request may be.
const fresh = 5 * time.Minute

// standard says whether a request is signed as Standard Webhooks describes, which GitLab does where it has a signing token: v1 and HMAC-SHA256 over
// id.timestamp.body in base64, several with spaces between them.
func standard(secret []byte, h http.Header, body []byte, now time.Time) bool {
	seconds, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if age := now.Sub(time.Unix(seconds, 0)); err != nil || age > fresh || age < -fresh {
		return false
	}
	if encoded, ok := strings.CutPrefix(string(secret), "whsec_"); ok {
		if secret, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return false
		}
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, one := range strings.Fields(h.Get("Webhook-Signature")) {
		text, ok := strings.CutPrefix(one, "v1,")
		if got, err := base64.StdEncoding.DecodeString(text); ok && err == nil && hmac.Equal(want, got) {
			return true
		}
	}
	return false
}

// gitlabPush reads a push: https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
func gitlabPush(body []byte) (Push, error) {
	var p struct {
		Ref     string `json:"ref"`
		After   string `json:"after"`
		User    string `json:"user_username"`
		Project struct {
			HTTP string `json:"git_http_url"`
			SSH  string `json:"git_ssh_url"`
			Web  string `json:"web_url"`
		} `json:"project"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return Push{}, fmt.Errorf("the push cannot be read: %w", err)
	}
	return Push{Branch: branch(p.Ref), Commit: p.After, Who: p.User, Repository: []string{p.Project.HTTP, p.Project.SSH, p.Project.Web}}, nil
}
