package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

func TestReleasesOnPodsThroughFaults(t *testing.T) {
	c := start(t, "node")
	images := c.shopImages()

	t.Run("an account that lacks one verb is told which", func(t *testing.T) {
		s := newShop(t, c, images, "rbac", canary, "")
		s.limited("update")
		res := s.deploy("v1", "")
		if res.Outcome != rollout.CouldNot || !strings.Contains(res.Why, "update deployments") || strings.Contains(res.Why, "create") {
			t.Errorf("%s: %s", res.Outcome, res.Why)
		}
		if out, code := s.goodstate("doctor"); code == 0 || !strings.Contains(out, "update deployments") {
			t.Errorf("doctor ended with %d:\n%s", code, out)
		}
		s.limited("")
		s.promotes("v1")
	})
	t.Run("an expired kubeconfig is called so", func(t *testing.T) {
		s := newShop(t, c, images, "expired", canary, "")
		s.account("expired")
		res := s.deploy("v1", "")
		if res.Outcome != rollout.CouldNot || !strings.Contains(res.Why, "expired or revoked") {
			t.Errorf("%s: %s", res.Outcome, res.Why)
		}
	})
	t.Run("an API server that is away for some seconds holds nothing up", func(t *testing.T) {
		s := newShop(t, c, images, "away", "canary: {steps: [50%], hold: 10s}", "")
		s.promotes("v1")
		leave := s.visitors()
		s.must(os.Remove(filepath.Join(s.dir, "points")))
		wait := s.deploying("v4", "")
		s.reaches("before judge-0")
		s.sh("kill", "apiserver")
		s.sh("start", "apiserver")
		res := wait()
		if requests, lost, why := leave(); lost > 0 {
			t.Errorf("%d of %d requests were lost: %s", lost, requests, why)
		}
		if res.Outcome != rollout.Promoted {
			t.Fatalf("v4: %s: %s %v\n%s", res.Outcome, res.Why, res.Findings, s.story())
		}
		s.stands("v4", 2)
	})
	t.Run("without an API server the traffic goes back, and what was left is ended later", func(t *testing.T) {
		s := newShop(t, c, images, "gone", "canary: {steps: [50%], hold: 10s}", "")
		s.promotes("v1")
		leave := s.visitors()
		s.must(os.Remove(filepath.Join(s.dir, "points")))
		wait := s.deploying("v2", "")
		s.reaches("before judge-0")
		s.sh("kill", "apiserver")
		res := wait()
		_, lost, why := leave()
		if res.Outcome != rollout.RolledBack && res.Outcome != rollout.Incomplete || res.Held != "v2" || lost > 0 {
			t.Errorf("v2: %s: %s; %d lost: %s", res.Outcome, res.Why, lost, why)
		}
		for range 10 {
			if version, _ := s.get("/"); version != "image1 good" {
				t.Errorf("%q answers while there is no API server", version)
			}
		}
		s.sh("start", "apiserver")
		end := s.serve()
		real.Eventually(t, 2*time.Minute, "the pods that were left behind are ended", func() bool {
			out := s.kubectl("-n", s.namespace, "get", "pods", "-o", `jsonpath={.items[*].metadata.annotations.goodstate\.dev/version}`)
			return out == "v1 v1"
		})
		end()
	})
}

func TestAKilledControllerGoesOnWithPods(t *testing.T) {
	c := start(t, "node")
	s := newShop(t, c, c.shopImages(), "killed", "canary: {steps: [50%], hold: 2s}", "")
	s.promotes("v1")
	s.must(os.Remove(filepath.Join(s.dir, "points")))
	s.promotes("v4")
	forth := strings.Fields(strings.ReplaceAll(s.points(), " ", "_"))
	s.must(os.Remove(filepath.Join(s.dir, "points")))
	leave := s.visitors()
	if res := s.deploy("v2", ""); res.Outcome != rollout.RolledBack {
		t.Fatalf("v2: %s: %s", res.Outcome, res.Why)
	}
	back := strings.Fields(strings.ReplaceAll(s.points(), " ", "_"))
	if len(forth) < 10 || len(back) < 10 {
		t.Fatalf("points %v and %v", forth, back)
	}
	version := "v4"
	for _, point := range forth {
		version = map[string]string{"v1": "v4", "v4": "v1"}[version]
		point = strings.Replace(point, "_", " ", 1)
		s.deploy(version, point)
		if res := s.deploy(version, ""); res.Outcome != rollout.Promoted {
			t.Fatalf("killed %s: %s: %s: %s %v\n%s", point, version, res.Outcome, res.Why, res.Findings, s.story())
		}
		s.stands(version, 2)
		t.Logf("killed %s on the way forth: %s serves", point, version)
	}
	for _, point := range back {
		point = strings.Replace(point, "_", " ", 1)
		if out, code := s.goodstate("unhold", "web", "v2"); code != 0 {
			t.Fatalf("unhold ended with %d:\n%s", code, out)
		}
		s.deploy("v2", point)
		if res := s.deploy("v2", ""); res.Outcome != rollout.RolledBack {
			t.Fatalf("killed %s: v2: %s: %s %v\n%s", point, res.Outcome, res.Why, res.Findings, s.story())
		}
		s.stands(version, 2)
		t.Logf("killed %s on the way back: %s serves", point, version)
	}
	requests, lost, why := leave()
	if lost > 0 {
		t.Errorf("%d of %d requests were lost: %s", lost, requests, why)
	}
	t.Logf("killed at %d points on the way forth and at %d on the way back; %d requests", len(forth), len(back), requests)
}

// reaches waits until the controller is at a point.
func (s *shopSite) reaches(point string) {
	s.t.Helper()
	real.Eventually(s.t, time.Minute, "the controller is "+point, func() bool { return strings.Contains(s.points(), point+"\n") })
}

// account gives the project a kubeconfig with a token.
func (s *shopSite) account(token string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "limited.kubeconfig")
	text := s.kubectl("config", "view", "--raw", "--minify", "--flatten")
	at := strings.Index(text, "users:")
	s.must(os.WriteFile(path, []byte(text[:at]+"users:\n- name: "+s.user(text)+"\n  user: {token: "+token+"}\n"), 0o600))
	config, err := os.ReadFile(s.file)
	s.must(err)
	s.must(os.WriteFile(s.file, []byte(strings.Replace(string(config), fmt.Sprintf("%q", s.kubeconfig()), "limited.kubeconfig", 1)), 0o600))
}

// user is the name of the user of a kubeconfig.
func (s *shopSite) user(text string) string {
	_, after, _ := strings.Cut(text, "user: ")
	return strings.TrimSpace(strings.SplitN(after, "\n", 2)[0])
}

// limited gives the project an account of its namespace that lacks one verb on deployments.
func (s *shopSite) limited(without string) {
	s.t.Helper()
	verbs := []string{"get", "list", "create", "update", "patch", "delete"}
	var has []string
	for _, v := range verbs {
		if v != without {
			has = append(has, v)
		}
	}
	s.apply(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: rollouts, namespace: %[1]s}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [%[2]s]}
- {apiGroups: [""], resources: [pods], verbs: [list, patch, delete]}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
- {apiGroups: [""], resources: [configmaps, secrets], verbs: [get, list, create, update]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: rollouts, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rollouts, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rollouts}
subjects: [{kind: ServiceAccount, name: rollouts, namespace: %[1]s}]
`, s.namespace, strings.Join(has, ", ")))
	s.account(strings.TrimSpace(s.kubectl("-n", s.namespace, "create", "token", "rollouts")))
}
