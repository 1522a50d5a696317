package kubernetes

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"goodstate.dev/goodstate/app"
)

func TestEveryCommandOfTheGuideToReleasesWorks(t *testing.T) {
	c := start(t, "node")
	images := c.shopImages()
	dir, programs := t.TempDir(), t.TempDir()
	c.run(exec.Command("go", "build", "-o", programs, "../../cmd/goodstate"))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/guide/kubernetes-rollouts.md")
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+programs+":"+c.programs()+":"+os.Getenv("PATH"), "KUBECONFIG="+c.kubeconfig(), "HOME="+dir, "IMAGE1="+images[0], "LISTEN="+l.Addr().String())
	g := guide{t, dir, env}
	t.Cleanup(func() { // the visitors and the proxy outlive the commands
		visitors := exec.Command("sh", "-c", `test ! -e visitors.pid || kill "$(cat visitors.pid)"`)
		visitors.Dir = dir
		_ = visitors.Run() // the guide ends them, where it comes so far
		s := &shopSite{cluster: c, dir: dir, file: filepath.Join(dir, app.ConfigName)}
		if _, err := os.Stat(s.file); err == nil {
			s.tidy()
		}
	})
	g.run(string(text))
}
