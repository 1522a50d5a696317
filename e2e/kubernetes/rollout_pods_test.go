package kubernetes

import (
	"strings"
	"testing"

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
			res := s.deploy(version, "")
			if res.Outcome != rollout.RolledBack || !strings.Contains(res.Why, wanted) {
				t.Errorf("%s: %s: %s %v, want %s\n%s", version, res.Outcome, res.Why, res.Findings, wanted, s.story())
			}
			s.stands("v1", 2)
		}
		if out, _ := s.goodstate("analysis", "web"); !strings.Contains(out, "v6") {
			t.Logf("the last analysis:\n%s", out)
		}
	})
}
