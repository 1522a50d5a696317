package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

const secret = "It's a Secret to Everybody"

var (
	now    = time.Unix(1_760_000_000, 0)
	commit = strings.Repeat("ab", 20)
	hub    = `{"ref":"refs/heads/main","before":"` + strings.Repeat("0", 40) + `","after":"` + commit + `","deleted":false,"repository":{"clone_url":"https://git.example.org/shop/web.git","ssh_url":"git@git.example.org:shop/web.git"},"pusher":{"name":"ann","email":"ann@example.org"}}`
	lab    = `{"object_kind":"push","ref":"refs/heads/main","after":"` + commit + `","user_username":"ann","project":{"git_http_url":"https://git.example.org/shop/web.git","git_ssh_url":"git@git.example.org:shop/web.git"}}`
)

func signature(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func header(pairs ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func standardHeader(body string, at time.Time) http.Header {
	stamp := at.Unix()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("m1." + itoa(stamp) + "." + body))
	return header("X-Gitlab-Event", "Push Hook", "Webhook-Id", "m1", "Webhook-Timestamp", itoa(stamp), "Webhook-Signature", "v1,AAAA v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestEachGitHostIsUnderstoodAsItSigns(t *testing.T) {
	for _, c := range []struct {
		from, body string
		h          http.Header
	}{
		{"github", hub, header("X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256="+signature(hub))},
		{"gitea", hub, header("X-Gitea-Event", "push", "X-Gitea-Signature", signature(hub))},
		{"forgejo", hub, header("X-Forgejo-Event", "push", "X-Forgejo-Signature", signature(hub), "X-Gitea-Signature", "00")},
		{"gitlab", lab, header("X-Gitlab-Event", "Push Hook", "X-Gitlab-Token", secret)},
		{"gitlab", lab, standardHeader(lab, now.Add(-time.Minute))},
	} {
		conf := Config{From: c.from}
		p, err := conf.Read(secret, c.h, []byte(c.body), now)
		if err != nil || p.Branch != "main" || p.Commit != commit || p.Who != "ann" || !Same(p.Repository[0], "ssh://git@git.example.org/shop/web") || !strings.HasPrefix(p.ID, "webhook-") {
			t.Errorf("%s: %+v %v", c.from, p, err)
		}
		again, err := conf.Read(secret, c.h, []byte(c.body), now)
		if err != nil || again.ID != p.ID {
			t.Errorf("%s: the same request again is %s, then %s", c.from, p.ID, again.ID)
		}
		if _, err := conf.Read(secret, c.h, append([]byte(c.body), ' '), now); c.h.Get("X-Gitlab-Token") == "" && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: a changed body is taken: %v", c.from, err)
		}
		if _, err := conf.Read(secret+"x", c.h, []byte(c.body), now); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: another secret is taken: %v", c.from, err)
		}
		bare := http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"push"}}
		if _, err := conf.Read(secret, bare, []byte(c.body), now); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: no signature is taken: %v", c.from, err)
		}
	}
}

// The example of GitHub's own documentation.
func TestTheSignatureIsTheOneThatGitHubDocuments(t *testing.T) {
	h := header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	if !kinds["github"].signed([]byte(secret), h, []byte("Hello, World!"), now) {
		t.Error("it is refused")
	}
}

func TestAnOldSignedRequestIsRefused(t *testing.T) {
	conf := Config{From: "gitlab"}
	for _, at := range []time.Time{now.Add(-time.Hour), now.Add(time.Hour)} {
		if _, err := conf.Read(secret, standardHeader(lab, at), []byte(lab), now); !errors.Is(err, ErrRefused) {
			t.Errorf("a request of %s is taken: %v", at, err)
		}
	}
}

func TestWhatIsNoPushOfABranchReleasesNothing(t *testing.T) {
	conf := Config{From: "github"}
	read := func(event, body string, more ...string) (Push, error) {
		return conf.Read(secret, header(append(more, "X-GitHub-Event", event, "X-Hub-Signature-256", "sha256="+signature(body))...), []byte(body), now)
	}
	if p, err := read("ping", `{"zen":"Design for failure."}`); err != nil || p.Branch != "" {
		t.Errorf("a ping is %+v %v", p, err)
	}
	if p, err := read("push", strings.Replace(hub, "refs/heads/main", "refs/tags/v1", 1)); err != nil || p.Branch != "" {
		t.Errorf("a tag is %+v %v", p, err)
	}
	if p, err := read("push", strings.Replace(hub, commit, strings.Repeat("0", 40), 1)); err != nil || p.Commit != "" {
		t.Errorf("a deleted branch is %+v %v", p, err)
	}
	form := url.Values{"payload": {hub}}.Encode()
	if p, err := read("push", form, "Content-Type", "application/x-www-form-urlencoded"); err != nil || p.Commit != commit {
		t.Errorf("a form is %+v %v", p, err)
	}
	for name, body := range map[string]string{
		"no JSON":       "{",
		"no commit":     strings.Replace(hub, commit, "main; rm -rf /", 1),
		"a long branch": strings.Replace(hub, "refs/heads/main", "refs/heads/"+strings.Repeat("x", 1000), 1),
		"a hidden line": strings.Replace(hub, "refs/heads/main", `refs/heads/ma\nin`, 1),
	} {
		if p, err := read("push", body); err == nil {
			t.Errorf("%s is taken: %+v", name, p)
		}
	}
	if _, err := conf.Read("short", header(), bytes.Repeat([]byte("x"), 3), now); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a secret that can be guessed says %v", err)
	}
}

func TestARepositoryIsTheSameOnEveryWay(t *testing.T) {
	for _, a := range []string{"https://git.example.org/shop/web.git", "git@git.example.org:shop/web.git", "ssh://git@git.example.org:2222/shop/web", "https://ann:token@GIT.example.org/shop/web/"} {
		if !Same(a, "https://git.example.org/shop/web") {
			t.Errorf("%s is another one", a)
		}
	}
	for _, a := range []string{"", ".", "/srv/web.git", "https://git.example.org", "https://git.example.org/shop/web2", "https://git.example.org.evil.org/shop/web", "file:///shop/web"} {
		if Same(a, "https://git.example.org/shop/web") || Same(a, a) && !strings.HasPrefix(a, "https://git.example.org") {
			t.Errorf("%s is the same", a)
		}
	}
}
