// Package kubernetes tries goodstate on real clusters, which e2e/cluster builds and starts. make test-k8s runs it.
package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/kube"
)

func TestMain(m *testing.M) {
	roles()
	if os.Getenv("E2E_K8S") == "" {
		fmt.Println("clusters are started where E2E_K8S is set: make test-k8s")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// cluster is a Kubernetes of its own that ends with the test.
type cluster struct {
	t     *testing.T
	name  string
	state string
	port  int
	parts string
}

// start brings a cluster up: parts are those of e2e/cluster/README.md.
func start(t *testing.T, parts string) *cluster {
	t.Helper()
	c := &cluster{t: t, name: fmt.Sprintf("gst%d", os.Getpid()%10000), port: freePorts(t), parts: parts}
	c.name += strconv.Itoa(c.port % 100)
	c.state = filepath.Join(t.TempDir(), "state")
	c.sh("build", "full")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.logs())
		}
		c.sh("down", "--purge")
	})
	c.sh("up")
	return c
}

// freePorts finds ten free ports in a row, beginning where no other run on this machine begins: ports are taken seconds after they are looked for.
func freePorts(t *testing.T) int {
	t.Helper()
	for i := range 130 {
		first := 26400 + (os.Getpid()+i)%130*20
		free := true
		for p := first; p < first+10 && free; p++ {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p))
			if free = err == nil; free {
				_ = l.Close()
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no ten free ports in a row between 26400 and 29000")
	return 0
}

func (c *cluster) environment() []string {
	n := c.port / 20 % 200
	return append(os.Environ(), "NAME="+c.name, "PORT="+strconv.Itoa(c.port), "STATE="+c.state, "PARTS="+c.parts, "BRIDGE=gst"+strconv.Itoa(n),
		"POD_SUBNET=10.244."+strconv.Itoa(n)+".0/24", "NODE=node-"+strconv.Itoa(n))
}

// sh runs cluster.sh.
func (c *cluster) sh(args ...string) {
	c.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 45*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "../cluster/cluster.sh", args...)
	cmd.Env = c.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("cluster.sh %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (c *cluster) logs() string {
	var all strings.Builder
	files, _ := filepath.Glob(filepath.Join(c.state, "log", "*.log")) // for the message only
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil && !strings.HasSuffix(path, "audit.log") {
			fmt.Fprintf(&all, "%s ends with:\n%s\n", filepath.Base(path), text[max(0, len(text)-1500):])
		}
	}
	return all.String()
}

func (c *cluster) kubeconfig() string {
	return filepath.Join(c.state, "kubeconfig", "admin.kubeconfig")
}

func (c *cluster) connect() *kube.Cluster {
	c.t.Helper()
	k, err := kube.Connect(kube.Access{File: c.kubeconfig()})
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

// programs is the folder with kubectl.
func (c *cluster) programs() string {
	c.t.Helper()
	cmd := exec.Command("../cluster/cluster.sh", "env")
	cmd.Env = c.environment()
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(out), "PATH=")
	dir, _, _ := strings.Cut(after, ":")
	return dir
}

// kubectl returns what it prints and whether it failed.
func (c *cluster) try(in string, args ...string) (string, error) {
	c.t.Helper()
	cmd := exec.Command(filepath.Join(c.programs(), "kubectl"), append([]string{"--kubeconfig", c.kubeconfig()}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.try("", args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *cluster) apply(manifests string) {
	c.t.Helper()
	if _, err := c.try(manifests, "apply", "-f", "-"); err != nil {
		c.t.Fatal(err)
	}
}
