package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/app/cli"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
)

// This binary is also the controller that is killed, its proxy, and goodstate's command line.
const (
	siteRole    = "E2E_ROLE"
	siteVersion = "E2E_VERSION"
	siteDie     = "E2E_DIE"
	sitePoints  = "E2E_POINTS" // file that gets the name of every point at which a controller can be killed
	siteFile    = "E2E_FILE"
)

// roles makes this process what it was started as, and then does not return.
func roles() {
	if len(os.Args) > 1 && (os.Args[1] == "keep" || os.Args[1] == "proxy") || os.Getenv(siteRole) == "cli" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Getenv(siteRole) == "controller" {
		if err := control(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// control releases a version, or goes on with the rollout that is under way, and dies where it is told.
func control(ctx context.Context) error {
	conf, err := app.Load(os.Getenv(siteFile))
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, app.Options{Config: conf, Base: filepath.Dir(os.Getenv(siteFile)), Self: []string{os.Args[0]}, OnStep: func(point string) {
		if path := os.Getenv(sitePoints); path != "" {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = fmt.Fprintln(f, point)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				panic(err)
			}
		}
		if point == os.Getenv(siteDie) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		return err
	}
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { a.Watch(watched) })
	info, under, err := a.Rollouts.Active(ctx, "web")
	if err == nil && !under {
		info, err = a.Client().Deploy(ctx, "web", os.Getenv(siteVersion), "e2e", false)
	}
	if err == nil {
		info, err = a.Engine.Wait(ctx, info.ID)
	}
	stop()
	watching.Wait()
	if err != nil {
		return errors.Join(err, a.Close())
	}
	fmt.Printf("%s\n", info.Result)
	if info.State != run.Succeeded {
		return fmt.Errorf("run %s %s: %s", info.ID, info.State, info.Error)
	}
	return a.Close()
}

// shopSite is a project of a user that is released into a namespace of a cluster: v1 is good, v2 answers every second visit with an error, v3 has an image that
// nobody has, v4 is good, v5 ends at once, v6 takes more memory than it may.
type shopSite struct {
	*cluster
	dir, file, namespace string
	listen, address      string    // of goodstate's proxy; at which users come
	images               [2]string // with their digests
	env                  []string
}

// shopImages are built once for a cluster.
func (c *cluster) shopImages() (images [2]string) {
	c.t.Helper()
	dir := c.t.TempDir()
	for i := range images {
		program, archive, name := filepath.Join(dir, "shop"), filepath.Join(dir, "shop.tar"), fmt.Sprintf("goodstate.test/shop:image%d", i+1)
		build := exec.Command("go", "build", "-trimpath", "-ldflags", fmt.Sprintf("-s -w -X main.image=image%d", i+1), "-o", program, "./testdata/shop")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		c.run(build)
		c.run(exec.Command(filepath.Join(c.programs(), "kit"), "image", "-name", name, "-out", archive, "-entrypoint", "/bin/shop", program+":/bin/shop"))
		c.ctr("import", archive)
		var digest string
		for line := range strings.Lines(c.ctr("ls")) {
			if words := strings.Fields(line); len(words) > 2 && words[0] == name {
				digest = words[2]
			}
		}
		images[i] = "goodstate.test/shop@" + digest
		c.ctr("tag", "--force", name, images[i])
	}
	return images
}

func (c *cluster) ctr(args ...string) string {
	c.t.Helper()
	return c.run(exec.Command(filepath.Join(c.programs(), "ctr"), append([]string{"--address", "/run/goodstate-" + c.name + "/containerd.sock", "--namespace", "k8s.io", "images"}, args...)...))
}

func (c *cluster) run(cmd *exec.Cmd) string {
	c.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

const shopManifest = `apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {release: %s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: shop
          image: %s
          imagePullPolicy: IfNotPresent
          ports: [{containerPort: 8080}]
          resources: {limits: {memory: 100Mi}}
          readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
          volumeMounts: [{name: config, mountPath: /config}]
      volumes: [{name: config, configMap: {name: shop}}]
`

// newShop makes the project; more is added to its service.
func newShop(t *testing.T, on *cluster, images [2]string, namespace, strategy, more string) *shopSite {
	t.Helper()
	c := *on
	c.t = t
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &shopSite{cluster: &c, dir: dir, file: filepath.Join(dir, app.ConfigName), namespace: namespace, listen: l.Addr().String(), address: l.Addr().String(), images: images}
	s.must(l.Close())
	t.Cleanup(s.tidy)
	s.kubectl("create", "namespace", namespace)
	repo := filepath.Join(dir, "repo")
	s.must(os.Mkdir(repo, 0o755))
	s.git("init", "-q")
	for i, r := range []struct{ how, image string }{
		{"good", images[0]}, {"bad", images[1]}, {"good", "goodstate.test/nobody-has-it@sha256:" + strings.Repeat("0", 64)}, {"fine", images[1]}, {"crash", images[1]}, {"eat", images[1]},
	} {
		s.must(os.WriteFile(filepath.Join(repo, "shop.yaml"), fmt.Appendf(nil, shopManifest, r.how, r.image), 0o600))
		s.commit(fmt.Sprintf("v%d", i+1))
	}
	s.configure(strategy, more)
	return s
}

func (s *shopSite) commit(tag string) {
	s.t.Helper()
	s.git("add", ".")
	s.git("commit", "-q", "-m", "release "+tag)
	s.git("tag", tag)
}

func (s *shopSite) configure(strategy, more string) {
	s.t.Helper()
	s.must(os.WriteFile(s.file, fmt.Appendf(nil, `
data: d
server: {listen: none}
services:
  web:
    source: {git: repo}
    kubernetes: {kubeconfig: %q, namespace: %s, manifest: shop.yaml}
    instances: 2
    grace: 5s
    start: 60s
    health: {http: {url: /healthz}}
    checks: {home: {http: {url: /, status: "200,500"}}}
    traffic: {listen: %q, sticky: none}
    strategy: {%s}
    judge: {warmup: 0s, requests: 5}
    watch: 2s
    recover: 30s
%s`, s.kubeconfig(), s.namespace, s.listen, strategy, more), 0o600))
}

func (s *shopSite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shopSite) git(args ...string) {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@localhost"}, args...)...)
	cmd.Dir = filepath.Join(s.dir, "repo")
	s.run(cmd)
}

// open is goodstate on the project's data directory, which carries nothing out.
func (s *shopSite) open(ctx context.Context) *app.App {
	s.t.Helper()
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(ctx, app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}, Idle: true})
	s.must(err)
	return a
}

// tidy ends the proxy and removes the folder; the pods go with the cluster.
func (s *shopSite) tidy() {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	a := s.open(ctx)
	if err := errors.Join(a.StopProxy(ctx), a.Close(), os.RemoveAll(s.dir)); err != nil {
		s.t.Error(err)
	}
}

// deploy runs the controller in a process of its own; an empty point lets it live.
func (s *shopSite) deploy(release, point string) rollout.Result {
	s.t.Helper()
	wait := s.deploying(release, point)
	return wait()
}

// deploying begins a deployment; the returned function waits for its end.
func (s *shopSite) deploying(release, point string) (wait func() rollout.Result) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 150*time.Second)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }, 5*time.Second // it tells where it hangs
	cmd.Env = append(append(os.Environ(), s.env...), siteRole+"=controller", siteFile+"="+s.file, siteVersion+"="+release, siteDie+"="+point, sitePoints+"="+filepath.Join(s.dir, "points"))
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	s.must(cmd.Start())
	return func() rollout.Result {
		s.t.Helper()
		defer stop()
		err := cmd.Wait()
		var res rollout.Result
		if point != "" {
			return res
		}
		if err != nil {
			s.t.Fatalf("controller for %s: %v\n%s\n%s\n%s", release, err, out.String(), errs.String(), s.story())
		}
		s.must(json.Unmarshal([]byte(out.String()), &res))
		return res
	}
}

func (s *shopSite) points() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "points")) // none yet is none
	return string(text)
}

// story is what the journal and the cluster say, for a failure's message.
func (s *shopSite) story() string {
	history, _ := s.goodstate("history", "web")
	out, _ := s.try("", "-n", s.namespace, "get", "deployments,pods,configmaps,secrets", "-o", "wide")
	events, _ := s.try("", "-n", s.namespace, "get", "events")
	return history + "\n" + out + "\n" + events
}

// goodstate runs the command line and returns what it prints and its exit code.
func (s *shopSite) goodstate(args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), s.env...), siteRole+"=cli")
	out, err := cmd.CombinedOutput()
	var code *exec.ExitError
	if err != nil && !errors.As(err, &code) {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// get asks the service as a user does, and returns who answered.
func (s *shopSite) get(path string) (version, body string) {
	s.t.Helper()
	res, err := http.Get("http://" + s.address + path)
	if err != nil {
		return err.Error(), ""
	}
	defer func() { _ = res.Body.Close() }() // only read
	var text strings.Builder
	buffer := make([]byte, 64<<10)
	for {
		n, err := res.Body.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			return res.Header.Get("X-Version"), text.String()
		}
	}
}

// visitors ask the shop all the time, until the returned function is called; it tells how many answers no release gave, and why the first was none.
func (s *shopSite) visitors() (leave func() (requests, lost int64, why string)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var requests, lost atomic.Int64
	var why atomic.Value
	client := &http.Client{Timeout: 10 * time.Second}
	for range 4 {
		wait.Go(func() {
			tick := time.NewTicker(25 * time.Millisecond)
			defer tick.Stop()
			for up := false; ; {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address, nil)
				if err != nil {
					return
				}
				res, err := client.Do(req)
				answered, said := err == nil && res.Header.Get("X-Version") != "", fmt.Sprint(err)
				if err == nil {
					said = res.Status
					_ = res.Body.Close()
				}
				up = up || answered // before the first release there is nobody who could answer
				if up && ctx.Err() == nil {
					requests.Add(1)
					if !answered {
						lost.Add(1)
						why.CompareAndSwap(nil, time.Now().Format(time.TimeOnly)+" "+said)
					}
				}
			}
		})
	}
	return func() (int64, int64, string) {
		cancel()
		wait.Wait()
		said, _ := why.Load().(string)
		return requests.Load(), lost.Load(), said
	}
}

// stands checks that the version serves alone, on so many ready pods, and that nothing else of the service has pods.
func (s *shopSite) stands(version string, pods int) rollout.State {
	s.t.Helper()
	a := s.open(s.t.Context())
	defer func() { s.must(a.Close()) }()
	st, err := a.Client().Service(s.t.Context(), "web")
	s.must(err)
	if st.Serving == nil || st.Serving.Version != version {
		s.t.Fatalf("state: %+v, want %s serving\n%s", st, version, s.story())
	}
	up := strings.Fields(s.kubectl("-n", s.namespace, "get", "pods", "-l", "goodstate.dev/service=web", "-o", `jsonpath={range .items[*]}{.metadata.annotations.goodstate\.dev/version}{"\n"}{end}`))
	if len(up) != pods || strings.Join(up, " ") != strings.TrimSpace(strings.Repeat(version+" ", pods)) {
		s.t.Fatalf("pods of %v, want %d of %s\n%s", up, pods, version, s.story())
	}
	report, err := a.Client().VerifyJournal(s.t.Context())
	s.must(err)
	if len(report.Problems) > 0 {
		s.t.Fatalf("journal: %v", report.Problems)
	}
	return st
}

func (s *shopSite) promotes(version string) {
	s.t.Helper()
	leave := s.visitors()
	res := s.deploy(version, "")
	if requests, lost, why := leave(); lost > 0 || requests == 0 {
		s.t.Errorf("%s: %d of %d requests were lost: %s", version, lost, requests, why)
	}
	if res.Outcome != rollout.Promoted {
		s.t.Fatalf("%s: %s: %s %v\n%s", version, res.Outcome, res.Why, res.Findings, s.story())
	}
	s.stands(version, 2)
}

// serve runs goodstate serve until the returned function is called.
func (s *shopSite) serve() (end func()) {
	s.t.Helper()
	cmd := exec.Command(os.Args[0], "serve")
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), s.env...), siteRole+"=cli")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := false
	end = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait says
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
			s.t.Errorf("serve did not end:\n%s", out.String())
		}
		if s.t.Failed() {
			s.t.Logf("serve said:\n%s", out.String())
		}
	}
	s.t.Cleanup(end)
	return end
}

// addresses are where the proxy sends requests.
func (s *shopSite) addresses() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "d", "proxy", "routes.json"))
	s.must(err)
	return strings.Join(address.FindAllString(string(text), -1), " ")
}

var address = regexp.MustCompile(`http://10\.[0-9.]+:8080`)
