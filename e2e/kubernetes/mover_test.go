package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

// moverImage is the name of the image that clusters with a node get: goodstate and nothing else, as users make it.
const moverImage = "goodstate.test/goodstate:1"

// shellImage has a shell and some commands.
const shellImage = "goodstate.test/shell:1"

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
	c.image(moverImage, "/goodstate", filepath.Join(dir, "goodstate")+":/goodstate")
	c.shell()
	return c
}

// applets are the commands of the image with a shell.
const applets = "sh cat ls ln sleep echo cp mv rm mkdir sync touch"

// shell puts an image with a shell into the cluster's node.
func (c *cluster) shell() {
	c.t.Helper()
	busybox := real.Need(c.t, "busybox")
	var links []string
	for _, name := range strings.Fields(applets) {
		links = append(links, "/bin/busybox=/bin/"+name)
	}
	c.image(shellImage, "/bin/sh", "-links", strings.Join(links, ","), busybox+":/bin/busybox", filepath.Join(c.programs(), "kit")+":/bin/kit")
}

// image makes an image of files and puts it into the cluster's node.
func (c *cluster) image(name, entrypoint string, files ...string) {
	c.t.Helper()
	archive := filepath.Join(c.t.TempDir(), "image.tar")
	c.command("kit", append([]string{"image", "-name", name, "-entrypoint", entrypoint, "-out", archive}, files...)...)
	c.command("ctr", "--address", "/run/goodstate-"+c.name+"/containerd.sock", "--namespace", "k8s.io", "images", "import", archive)
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

// nothingLeft fails where goodstate left something of its own in the cluster that does not go away.
func (c *cluster) nothingLeft(t *testing.T) {
	t.Helper()
	kinds := "pods,persistentvolumeclaims,volumesnapshots,volumesnapshotcontents,volumegroupsnapshots,volumegroupsnapshotcontents,secrets,jobs"
	left := ""
	real.Eventually(t, 2*time.Minute, "goodstate has nothing in the cluster", func() bool {
		left = ""
		for _, selector := range []string{"goodstate.dev/volumes-of", "goodstate.dev/group"} {
			left += c.kubectl("get", kinds, "-A", "-l", selector, "-o", "name")
		}
		return strings.TrimSpace(left) == "" && len(c.snapshots()) == 0
	})
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
