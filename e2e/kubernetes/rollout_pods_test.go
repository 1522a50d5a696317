package kubernetes

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

const canary = "canary: {steps: [50%], hold: 4s}"

func TestReleasesRunAsPodsAndGoBackByThemselves(t *testing.T) {
	c := start(t, "node")
	images := c.shopImages()

	t.Run("a canary goes back by itself with its ConfigMap and its image", func(t *testing.T) {
		s := newShop(t, c, images, "canary", canary, "")
		s.promotes("v1")
		leave := s.visitors()
		res := s.deploy("v2", "")
		requests, lost, why := leave()
		if res.Outcome != rollout.RolledBack || res.Held != "v2" {
			t.Fatalf("v2: %s: %s %v\n%s", res.Outcome, res.Why, res.Findings, s.story())
		}
		if lost > 0 || requests < 100 {
			t.Errorf("%d of %d requests were lost: %s", lost, requests, why)
		}
		s.stands("v1", 2)
		if version, _ := s.get("/"); version != "image1 good" {
			t.Errorf("%s answers, want image1 with the good configuration", version)
		}
		if out := s.kubectl("-n", s.namespace, "get", "deployments", "-o", "jsonpath={.items[*].spec.replicas}"); out != "2 0" && out != "0 2" {
			t.Errorf("replicas %s, want the bad release kept without pods", out)
		}
	})
	t.Run("a release that cannot start is named and moves nothing", func(t *testing.T) {
		s := newShop(t, c, images, "cannot", canary, "    restarts: 1\n")
		s.promotes("v1")
		for version, wanted := range map[string]string{"v3": "ImagePullBackOff", "v5": "CrashLoopBackOff", "v6": "OOMKilled"} {
			leave := s.visitors()
			res := s.deploy(version, "")
			leave()
			if res.Outcome != rollout.RolledBack || !strings.Contains(res.Why, wanted) {
				t.Errorf("%s: %s: %s %v, want %s\n%s", version, res.Outcome, res.Why, res.Findings, wanted, s.story())
			}
			s.stands("v1", 2)
		}
	})
	t.Run("a blue/green switch under load loses no request, forward and back", func(t *testing.T) {
		s := newShop(t, c, images, "bluegreen", "bluegreen: {hold: 2s}", "")
		s.promotes("v1")
		leave := s.visitors()
		s.promotes("v4")
		if out, code := s.goodstate("rollback", "web", "-m", "to and fro"); code != 4 {
			t.Fatalf("rollback ended with %d:\n%s\n%s", code, out, s.story())
		}
		requests, lost, why := leave()
		if lost > 0 || requests < 300 {
			t.Errorf("%d of %d requests were lost: %s", lost, requests, why)
		}
		s.stands("v1", 2)
		t.Logf("%d requests, none lost", requests)
	})
	t.Run("a rolling release replaces pod by pod", func(t *testing.T) {
		s := newShop(t, c, images, "rolling", "rolling: {batch: 1, unavailable: 1, surge: 0, hold: 2s}", "")
		s.promotes("v1")
		leave := s.visitors()
		s.promotes("v4")
		res := s.deploy("v2", "")
		if requests, lost, why := leave(); lost > 0 || requests < 300 {
			t.Errorf("%d of %d requests were lost: %s", lost, requests, why)
		}
		if res.Outcome != rollout.RolledBack {
			t.Fatalf("v2: %s: %s %v\n%s", res.Outcome, res.Why, res.Findings, s.story())
		}
		s.stands("v4", 2)
	})
	t.Run("traffic follows pods that are replaced", func(t *testing.T) {
		s := newShop(t, c, images, "follow", canary, "    env: {COLOR: blue}\n    files: {shop/price.conf: {text: 'tea={{.tea}}'}}\n    values: {tea: '3'}\n")
		s.promotes("v1")
		if _, text := s.get("/file/shop/price.conf"); text != "tea=3" {
			t.Errorf("its file says %q", text)
		}
		if _, env := s.get("/env"); !strings.Contains(env, "COLOR=blue\n") || !strings.Contains(env, "PORT=8080\n") {
			t.Errorf("its environment is\n%s", env)
		}
		end := s.serve()
		leave := s.visitors()
		for range 2 {
			old := s.addresses()
			s.kubectl("-n", s.namespace, "delete", "pod", "--wait=false", strings.Fields(s.kubectl("-n", s.namespace, "get", "pods", "-o", "name"))[0][len("pod/"):])
			real.Eventually(t, 2*time.Minute, "the proxy has the address of the new pod", func() bool {
				now := s.addresses()
				return len(strings.Fields(now)) == 2 && now != old
			})
		}
		requests, lost, why := leave()
		if lost > 0 {
			t.Errorf("%d of %d requests were lost: %s", lost, requests, why)
		}
		end()
	})
}
