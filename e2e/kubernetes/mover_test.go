package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// moverImage is the name of the image that clusters with a node get: goodstate and nothing else, as users make it.
const moverImage = "goodstate.test/goodstate:1"

var static = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "goodstate-image")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "goodstate"), "../../cmd/goodstate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build goodstate for its image: %w\n%s", err, out)
	}
	return dir, nil
})

// withMover puts the image into the cluster's node.
func (c *cluster) withMover() *cluster {
	c.t.Helper()
	dir, err := static()
	if err != nil {
		c.t.Fatal(err)
	}
	archive := filepath.Join(c.t.TempDir(), "goodstate.tar")
	c.command("kit", "image", "-name", moverImage, "-entrypoint", "/goodstate", "-out", archive, filepath.Join(dir, "goodstate")+":/goodstate")
	c.command("ctr", "--address", "/run/goodstate-"+c.name+"/containerd.sock", "--namespace", "k8s.io", "images", "import", archive)
	return c
}

// command runs one of the cluster's own programs.
func (c *cluster) command(name string, args ...string) string {
	c.t.Helper()
	out, err := exec.Command(filepath.Join(c.programs(), name), args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// inPod runs a command of a pod's shell.
func (c *cluster) inPod(ns, pod, command string) string {
	c.t.Helper()
	return strings.TrimSpace(c.kubectl("-n", ns, "exec", pod, "--", "sh", "-c", command))
}

// nothingLeft fails where goodstate left something of its own in the cluster.
func (c *cluster) nothingLeft(t *testing.T) {
	t.Helper()
	kinds := "pods,persistentvolumeclaims,volumesnapshots,volumesnapshotcontents,volumegroupsnapshots,volumegroupsnapshotcontents,secrets,jobs"
	for _, selector := range []string{"goodstate.dev/volumes-of", "goodstate.dev/group"} {
		if left := c.kubectl("get", kinds, "-A", "-l", selector, "-o", "name"); strings.TrimSpace(left) != "" {
			t.Errorf("left in the cluster by %s:\n%s", selector, left)
		}
	}
}

// snapshots are those that the storage has.
func (c *cluster) snapshots() []string {
	c.t.Helper()
	all, err := filepath.Glob(filepath.Join(c.state, "csi", "snapshots", "*.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}
