package kubernetes

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	exitsWith = regexp.MustCompile(`\s+# exits (\d+)$`)
	hidden    = regexp.MustCompile(`^<!-- run: (.*) -->$`)
)

// The guides are run in their order, in one folder: fences of "sh" line by line, fences with a file's name are written, and a comment "run:" is what readers do to their own cluster.
func TestEveryCommandOfTheGuideWorks(t *testing.T) {
	follow(t, start(t, "sim,csi"), "kubernetes.md")
}

func TestEveryCommandOfTheGuideOfVolumesWorks(t *testing.T) {
	follow(t, start(t, "csi,node").withMover(), "kubernetes-volumes.md", "MOVER_IMAGE="+moverImage, "SHELL_IMAGE="+shellImage)
}

func TestEveryCommandOfTheGuideOfTheOperatorWorks(t *testing.T) {
	c := start(t, "csi,node").withMover()
	name, tag, _ := strings.Cut(moverImage, ":")
	reached := "hostNetwork=true,env.KUBERNETES_SERVICE_HOST=127.0.0.1,env.KUBERNETES_SERVICE_PORT=" + strconv.Itoa(c.port+2) // the test cluster has no cluster addresses
	follow(t, c, "kubernetes-operator.md", "SETTINGS=image.name="+name+",image.tag="+tag+","+reached)
}

func follow(t *testing.T, c *cluster, name string, more ...string) {
	t.Helper()
	dir := t.TempDir()
	programs := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", programs, "../../cmd/goodstate").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script, err := filepath.Abs("../cluster/cluster.sh")
	if err != nil {
		t.Fatal(err)
	}
	peer := "http://127.0.0.1:" + strconv.Itoa(c.port+1)
	pki := filepath.Join(c.state, "pki")
	env := append(c.environment(), "PATH="+programs+":"+c.programs()+":"+os.Getenv("PATH"), "KUBECONFIG="+c.kubeconfig(), "HOME="+dir, "CLUSTER="+script, "BIN="+c.programs(),
		"GOMODCACHE="+output(t, "go", "env", "GOMODCACHE"), "GOCACHE="+output(t, "go", "env", "GOCACHE"),
		"DATA="+filepath.Join(c.state, "etcd"), "MEMBER="+c.name, "PEER="+peer, "ETCDCTL_ENDPOINTS=https://127.0.0.1:"+strconv.Itoa(c.port),
		"ETCDCTL_CACERT="+filepath.Join(pki, "ca.crt"), "ETCDCTL_CERT="+filepath.Join(pki, "apiserver-etcd.crt"), "ETCDCTL_KEY="+filepath.Join(pki, "apiserver-etcd.key"))
	text, err := os.ReadFile("../../docs/guide/" + name)
	if err != nil {
		t.Fatal(err)
	}
	guide{t, dir, append(env, more...)}.run(string(text))
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

type guide struct {
	t   *testing.T
	dir string
	env []string
}

func (g guide) run(text string) {
	g.t.Helper()
	lang, file, body, inside, commands := "", "", "", false, 0
	for _, line := range strings.Split(text, "\n") {
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && !inside:
			lang, file, _ = strings.Cut(strings.TrimPrefix(line, "```"), " ")
			inside, body = true, ""
		case fence:
			inside = false
			if file != "" {
				if err := os.WriteFile(filepath.Join(g.dir, file), []byte(body), 0o600); err != nil {
					g.t.Fatal(err)
				}
			}
		case inside && lang == "sh":
			commands++
			g.command(line)
		case inside:
			body += line + "\n"
		default:
			if found := hidden.FindStringSubmatch(line); found != nil {
				g.command(found[1])
			}
		}
	}
	if inside || commands == 0 {
		g.t.Fatalf("%d commands, an open fence: %v", commands, inside)
	}
}

func (g guide) command(line string) {
	g.t.Helper()
	want := 0
	if found := exitsWith.FindStringSubmatch(line); found != nil {
		want, _ = strconv.Atoi(found[1]) // they are digits
	}
	cmd := exec.Command("sh", "-ec", line)
	cmd.Dir, cmd.Env = g.dir, g.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != want {
		g.t.Fatalf("%s\nexits %d (%v), want %d\n%s", line, code, err, want, out.String())
	}
	g.t.Logf("$ %s\n%s", line, out.String())
}
