// Package e2e proves goodstate as its users meet it: real repositories, processes, proxy and traffic on this machine.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// This binary is also the service that is released, the controller that is killed, and goodstate itself.
const (
	role    = "E2E_ROLE"
	version = "E2E_VERSION"
	die     = "E2E_DIE"
	points  = "E2E_POINTS" // file that gets the name of every point at which a controller can be killed
	file    = "E2E_FILE"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "keep" || os.Args[1] == "instances" || os.Args[1] == "proxy" || os.Args[1] == "demo" || os.Getenv(role) == "cli") {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	switch os.Getenv(role) {
	case "service":
		os.Exit(service())
	case "controller":
		if err := controller(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "4"); err != nil { // these tests wait more than they compute
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// service answers with the content of the file "release" in its folder; a release that is called bad fails every second visit. One
// that is called sad answers every visit well and sells nothing, which only its metrics and its log say.
func service() int {
	name, err := os.ReadFile("release")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	release := strings.TrimSpace(string(name))
	if release == "broken" {
		fmt.Println("FATAL no price list")
		return 3
	}
	var visits, unsold atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "orders_total{release=%[1]q,port=%[2]q} %[3]d\norders_failed_total{release=%[1]q,port=%[2]q} %[4]d\n", os.Getenv("GOODSTATE_RELEASE"), os.Getenv("PORT"), visits.Load(), unsold.Load())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		n := visits.Add(1)
		fmt.Printf("order %d of 10.0.0.%d taken\n", n, n%250)
		if release == "sad" && n%4 == 0 {
			fmt.Printf("ERROR order %d is lost: ledger at 10.0.0.%d refused token=s3cr3t-%d\n", n, unsold.Add(1)%250, n)
		}
		w.Header().Set("X-Version", release)
		if release == "bad" && n%2 == 0 {
			http.Error(w, "no", http.StatusInternalServerError)
		}
	})
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: mux, ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

// controller releases a version, or goes on with the rollout that is under way, and dies where it is told.
func controller(ctx context.Context) error {
	conf, err := app.Load(os.Getenv(file))
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, app.Options{Config: conf, Base: filepath.Dir(os.Getenv(file)), Self: []string{os.Args[0]}, OnStep: func(point string) {
		if path := os.Getenv(points); path != "" {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = fmt.Fprintln(f, point)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				panic(err)
			}
		}
		if point == os.Getenv(die) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		return err
	}
	info, under, err := a.Rollouts.Active(ctx, "web")
	if err == nil && !under {
		info, err = a.Client().Deploy(ctx, "web", os.Getenv(version), "e2e", false)
	}
	if err != nil {
		return err
	}
	go agree(ctx, a, info.ID)
	if info, err = a.Engine.Wait(ctx, info.ID); err != nil {
		return err
	}
	fmt.Printf("%s\n", info.Result)
	if info.State != run.Succeeded {
		return fmt.Errorf("run %s %s: %s", info.ID, info.State, info.Error)
	}
	return a.Close()
}

// agree approves whatever the rollout waits for, each thing once.
func agree(ctx context.Context, a *app.App, id string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for last := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l, ok := a.Rollouts.Live(id)
		if !ok || l.Gate == nil || l.Gate.Step == last {
			continue
		}
		if _, err := a.Rollouts.Approve(ctx, id, l.Gate.Step, "ann", "the e2e test"); err == nil {
			last = l.Gate.Step
		}
	}
}

// site is a project of a user: a repository with releases v1 (good), v2 (bad), v3 (does not start) and v4 (good again), and visitors.
type site struct {
	t         *testing.T
	dir, file string
	address   string
	env       []string // more environment for controllers and commands
	points    string   // see the variable points; empty: none
	service   string   // that tidy ends; empty: web
}

func newSite(t *testing.T, strategy string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: dir, file: filepath.Join(dir, app.ConfigName), address: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.tidy)
	repo := filepath.Join(dir, "repo")
	s.must(os.Mkdir(repo, 0o755))
	s.git(repo, "init", "-q")
	for _, r := range []struct{ tag, release string }{{"v1", "good"}, {"v2", "bad"}, {"v3", "broken"}, {"v4", "fine"}} {
		s.must(os.WriteFile(filepath.Join(repo, "release"), []byte(r.release+"\n"), 0o600))
		s.git(repo, "add", ".")
		s.git(repo, "commit", "-q", "-m", "release "+r.tag)
		s.git(repo, "tag", r.tag)
	}
	s.must(os.WriteFile(s.file, []byte(fmt.Sprintf(`
data: d
server: {listen: none}
services:
  web:
    source: {git: repo}
    run: %q
    env: {E2E_ROLE: service}
    instances: 2
    grace: 1s
    start: 20s
    health: {http: {url: /healthz}}
    checks: {home: {http: {url: /, status: "200,500"}}}
    traffic: {listen: %q, sticky: none}
    strategy: {%s}
    judge: {warmup: 0s, requests: 20}
    watch: 1s
    recover: 20s
`, os.Args[0], s.address, strategy)), 0o600))
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) git(dir string, args ...string) {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@localhost"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// tidy ends the proxy and the instances of the site, and removes its folder.
func (s *site) tidy() {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	conf, err := app.Load(s.file)
	if err != nil {
		s.t.Error(err)
		return
	}
	a, err := app.Open(ctx, app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}, Idle: true})
	if err != nil {
		s.t.Error(err)
		return
	}
	name := s.service
	if name == "" {
		name = "web"
	}
	all, err := a.Rollouts.Runtime.List(ctx, name)
	for _, in := range all {
		err = errors.Join(err, a.Rollouts.Runtime.Stop(ctx, in.ID))
	}
	if err := errors.Join(err, a.StopProxy(ctx), a.Close(), os.RemoveAll(s.dir)); err != nil {
		s.t.Error(err)
	}
}

// visitors ask the site all the time, until the returned function is called; it tells how many answers no release gave.
func (s *site) visitors() (leave func() (requests, lost int64)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var requests, lost atomic.Int64
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
				answered := err == nil && res.Header.Get("X-Version") != ""
				if err == nil {
					_ = res.Body.Close()
				}
				up = up || answered // before the first release there is nobody who could answer
				if up && ctx.Err() == nil {
					requests.Add(1)
					if !answered {
						lost.Add(1)
					}
				}
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		wait.Wait()
		return requests.Load(), lost.Load()
	}
}

// control runs the controller in a process of its own; an empty point lets it live.
func (s *site) control(release, point string) rollout.Result {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), s.env...), role+"=controller", file+"="+s.file, version+"="+release, die+"="+point, points+"="+s.points)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var res rollout.Result
	if point != "" {
		return res
	}
	if err != nil {
		s.t.Fatalf("controller for %s: %v\n%s\n%s", release, err, out, &errs)
	}
	s.must(json.Unmarshal(out, &res))
	return res
}
