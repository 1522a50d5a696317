package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

// program builds goodstate.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "goodstate")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/goodstate").CombinedOutput(); err != nil {
		t.Fatalf("building goodstate: %v\n%s", err, out)
	}
	return path
}

// site is a folder with a goodstate.yaml.
type site struct {
	t   *testing.T
	bin string
	dir string
}

func newSite(t *testing.T, backup string) *site {
	t.Helper()
	s := &site{t: t, bin: program(t), dir: t.TempDir()}
	s.write("backup.key", "a long and random password\n")
	s.write("goodstate.yaml", "data: data\nserver: {listen: none}\nservices: {}\nsecrets: {backup: {file: backup.key}}\nbackup:\n  repositories: {main: {folder: copies, password: {secret: backup}}}\n  applications:\n"+backup)
	s.run("backup", "init", "main")
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// edit replaces a part of goodstate.yaml.
func (s *site) edit(from, to string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "goodstate.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		s.t.Fatalf("goodstate.yaml has no %q", from)
	}
	s.write("goodstate.yaml", strings.Replace(string(text), from, to, 1))
}

// points are the restore points of an application, the youngest first.
func (s *site) points(application string) []string {
	s.t.Helper()
	var all []struct {
		ID string `json:"id"`
	}
	out := s.run("backup", "list", application, "--json")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	var ids []string
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

func (s *site) point(application string) string {
	s.t.Helper()
	all := s.points(application)
	if len(all) == 0 {
		s.t.Fatalf("%s has no restore point", application)
	}
	return all[0]
}

func (s *site) run(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.bin, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("goodstate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestALostControlPlaneIsRecovered(t *testing.T) {
	c := start(t, "sim")
	pki := filepath.Join(c.state, "pki")
	s := newSite(t, fmt.Sprintf(`    plane:
      source:
        etcd:
          endpoints: ["https://127.0.0.1:%d"]
          ca: %s/ca.crt
          cert: %s/apiserver-etcd.crt
          key: %s/apiserver-etcd.key
          member: {name: %s, peer: "http://127.0.0.1:%d"}
          bump_revision: 1000000000
          programs: %s
      repository: main
      rto: 5m
`, c.port, pki, pki, pki, c.name, c.port+1, c.programs()))
	etcd := filepath.Join(c.programs(), "etcd")
	if _, err := os.Stat(etcd); err != nil { // the cluster's etcd is a part of another program
		if err := os.WriteFile(etcd, []byte("#!/bin/sh\nexec \"$(dirname \"$0\")/kube\" etcd \"$@\"\n"), 0o700); err != nil { //nolint:gosec // it is started
			t.Fatal(err)
		}
	}
	c.kubectl("create", "deployment", "before", "--image=goodstate.test/kit:1", "--replicas=2")
	c.kubectl("rollout", "status", "deployment/before", "--timeout=120s")
	s.run("backup", "run", "plane")
	t.Log(s.run("backup", "drill", "plane"))
	t.Log(s.run("backup", "drill", "plane", "--simulate", "lost_control_plane"))
	c.kubectl("create", "configmap", "after")

	began := time.Now()
	for _, part := range []string{"scheduler", "controller-manager", "apiserver", "etcd"} {
		c.sh("kill", part)
	}
	if err := os.RemoveAll(filepath.Join(c.state, "etcd")); err != nil {
		t.Fatal(err)
	}
	s.run("backup", "restore", "plane", "--to", filepath.Join(c.state, "etcd"))
	for _, part := range []string{"etcd", "apiserver", "controller-manager", "scheduler"} {
		c.sh("start", part)
	}
	c.kubectl("get", "deployment", "before")
	t.Logf("the control plane was back after %s", time.Since(began).Round(100*time.Millisecond))
	if out, err := c.try("", "get", "configmap", "after"); err == nil {
		t.Errorf("what came after the copy is there: %s", out)
	}
	// The cluster works: controllers and scheduler make what is asked for now.
	c.kubectl("scale", "deployment/before", "--replicas=3")
	real.Eventually(t, 2*time.Minute, "three pods are ready", func() bool {
		out, err := c.try("", "get", "deployment", "before", "-o", "jsonpath={.status.readyReplicas}")
		return err == nil && out == "3"
	})
}

func TestANamespaceIsDrilledAndRestoredByTheCommandLine(t *testing.T) {
	c := start(t, "sim,csi")
	open(c)
	s := newSite(t, fmt.Sprintf(`    shop:
      source: {kubernetes: {kubeconfig: %s, namespaces: [shop], exclude_kinds: [validatingwebhookconfigurations.admissionregistration.k8s.io], drill: {replicas: 1}}}
      repository: main
      rto: 5m
`, c.kubeconfig()))
	c.kubectl("delete", "validatingwebhookconfiguration", "shop-prices")
	s.run("backup", "run", "shop")
	t.Log(s.run("backup", "drill", "shop"))
	t.Log(s.run("backup", "drill", "shop", "--simulate", "deleted_namespace"))
	if left := c.kubectl("get", "namespaces", "-l", "goodstate.dev/drill", "-o", "name"); left != "" {
		t.Errorf("the drill left %s", left)
	}
	before := inside(t, c.connect(), "shop")
	c.kubectl("-n", "shop", "patch", "offer", "tea", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	c.kubectl("delete", "namespace", "shop", "--timeout=120s")
	began := time.Now()
	s.run("backup", "restore", "shop", "--in-place")
	t.Logf("the namespace was back after %s", time.Since(began).Round(100*time.Millisecond))
	equal(t, before, inside(t, c.connect(), "shop"))
}
