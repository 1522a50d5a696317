package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/internal/real"
)

const webhookSecret = "a secret that nobody guesses"

// told is a goodstate that Git hosts tell of pushes.
type told struct {
	*site
	a       *app.App
	address string
}

func newTold(t *testing.T) *told {
	s := newSite(t, "bluegreen: {hold: 3s}")
	t.Setenv("E2E_WEBHOOK", webhookSecret)
	text, err := os.ReadFile(s.file)
	s.must(err)
	changed := strings.Replace(string(text), "server: {listen: none}", "server: {listen: \"127.0.0.1:0\"}\nsecrets: {hook: {env: E2E_WEBHOOK}}\nwebhooks:\n  hub: {from: github, secret: {secret: hook}, services: [web]}\n  lab: {from: gitlab, secret: {secret: hook}, services: [web]}\n  tea: {from: gitea, secret: {secret: hook}}", 1)
	changed = strings.Replace(changed, "    instances: 2", "    on_push: deploys\n    instances: 1", 1)
	changed = strings.Replace(changed, "requests: 20", "requests: 1, compare: none", 1)
	s.must(os.WriteFile(s.file, []byte(changed), 0o600))
	s.git(filepath.Join(s.dir, "repo"), "branch", "deploys", "v1")
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(t.Context(), app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}})
	s.must(err)
	t.Cleanup(func() { s.must(a.Close()) })
	address, err := a.Listen(t.Context())
	s.must(err)
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { a.Watch(ctx) })
	t.Cleanup(func() { stop(); watching.Wait() })
	return &told{s, a, address}
}

func (s *told) commit(tag string) string {
	s.t.Helper()
	cmd := exec.Command("git", "rev-parse", tag+"^{commit}")
	cmd.Dir = filepath.Join(s.dir, "repo")
	out, err := cmd.Output()
	s.must(err)
	return strings.TrimSpace(string(out))
}

// send posts a body as a Git host does.
func (s *told) send(to, body string, headers ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.address+"/hooks/"+to, strings.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	text, err := io.ReadAll(res.Body)
	s.must(err)
	s.must(res.Body.Close())
	return res.StatusCode, string(text)
}

func hubSignature(body string) string {
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (s *told) recorded(event, text string, n int) {
	s.t.Helper()
	real.Eventually(s.t, 30*time.Second, fmt.Sprintf("%d %s about %q", n, event, text), func() bool {
		entries, err := s.a.Journal.List(s.t.Context(), journal.Filter{Event: event})
		found := 0
		for _, e := range entries {
			if strings.Contains(e.Text, text) {
				found++
			}
		}
		return err == nil && found == n
	})
}

func TestAGitHostTellsOfAPushThatIsReleasedOnceAndNobodyElseCan(t *testing.T) {
	s := newTold(t)
	leave := s.visitors()
	defer leave()
	hub := fmt.Sprintf(`{"ref":"refs/heads/deploys","after":%q,"pusher":{"name":"ann"}}`, s.commit("v1"))
	for range 3 {
		if code, text := s.send("hub", hub, "X-GitHub-Event", "push", "X-Hub-Signature-256", hubSignature(hub+" ")); code != http.StatusUnauthorized {
			t.Fatalf("a wrong signature is answered %d: %s", code, text)
		}
	}
	s.recorded("webhook-refused", "no signature that holds", 1)
	if code, _ := s.send("hub", strings.Repeat("x", 6<<20)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("6 MiB are answered %d", code)
	}
	if code, _ := s.send("nowhere", hub); code != http.StatusNotFound {
		t.Errorf("a webhook that is not there is answered %d", code)
	}
	ping := `{"zen":"Keep it logically awesome."}`
	if code, text := s.send("hub", ping, "X-GitHub-Event", "ping", "X-Hub-Signature-256", hubSignature(ping)); code != http.StatusOK {
		t.Errorf("a ping is answered %d: %s", code, text)
	}
	push := func() (int, string) {
		return s.send("hub", hub, "X-GitHub-Event", "push", "X-Hub-Signature-256", hubSignature(hub))
	}
	if code, text := push(); code != http.StatusAccepted {
		t.Fatalf("the push is answered %d: %s", code, text)
	}
	s.recorded("push-released", s.commit("v1")[:12], 1)
	real.Eventually(t, 30*time.Second, "v1 serves", func() bool {
		st, err := s.a.Client().Service(t.Context(), "web")
		return err == nil && st.Serving != nil && st.Active == nil && st.Serving.Commit == s.commit("v1")
	})
	s.git(filepath.Join(s.dir, "repo"), "branch", "-f", "deploys", "v4")
	lab := fmt.Sprintf(`{"ref":"refs/heads/deploys","after":%q,"user_username":"bob"}`, s.commit("v4"))
	if code, text := s.send("lab", lab, "X-Gitlab-Event", "Push Hook", "X-Gitlab-Token", webhookSecret); code != http.StatusAccepted {
		t.Fatalf("the push of GitLab is answered %d: %s", code, text)
	}
	s.recorded("push-released", s.commit("v4")[:12], 1)
	real.Eventually(t, 30*time.Second, "v4 serves", func() bool {
		st, err := s.a.Client().Service(t.Context(), "web")
		return err == nil && st.Serving != nil && st.Active == nil && st.Serving.Commit == s.commit("v4")
	})
	// The first request comes again, as it was: it was taken up already. One like it that was never seen is of a commit that the branch has left.
	if code, text := push(); code != http.StatusAccepted {
		t.Fatalf("the push again is answered %d: %s", code, text)
	}
	hub = strings.Replace(hub, "ann", "eve", 1)
	if code, text := push(); code != http.StatusAccepted {
		t.Fatalf("the old push is answered %d: %s", code, text)
	}
	s.recorded("push-superseded", "the newest commit of deploys is "+s.commit("v4")[:12], 1)
	s.recorded("push-released", "", 2)
	// A repository that no service is released from.
	tea := strings.Replace(hub, `"pusher"`, `"repository":{"clone_url":"https://git.example.org/other/thing.git"},"pusher"`, 1)
	if code, text := s.send("tea", tea, "X-Gitea-Event", "push", "X-Gitea-Signature", strings.TrimPrefix(hubSignature(tea), "sha256=")); code != http.StatusOK || !strings.Contains(text, "releases nothing") {
		t.Errorf("a push of another repository is answered %d: %s", code, text)
	}
}
