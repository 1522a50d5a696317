package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

// served is a site whose goodstate is open in this process, with v1 released and visitors on it.
type served struct {
	*site
	a     *app.App
	leave func() (requests, lost int64)
}

// newServed makes the site with more in its service's configuration. Release tells what the tag v2 is, as the service understands it.
func newServed(t *testing.T, strategy, release string, more func(conf string) string) *served {
	t.Helper()
	s := newSite(t, strategy)
	repo := filepath.Join(s.dir, "repo")
	s.must(os.WriteFile(filepath.Join(repo, "release"), []byte(release+"\n"), 0o600))
	s.git(repo, "commit", "-q", "-a", "--allow-empty", "-m", "another v2")
	s.git(repo, "tag", "-f", "v2")
	text, err := os.ReadFile(s.file)
	s.must(err)
	s.must(os.WriteFile(s.file, []byte(more(string(text))), 0o600))
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(t.Context(), app.Options{Config: conf, Base: s.dir, Self: []string{os.Args[0]}})
	s.must(err)
	t.Cleanup(func() { s.must(a.Close()) })
	served := &served{site: s, a: a, leave: s.visitors()}
	t.Cleanup(func() { served.leave() })
	return served
}

// takesLong says that a test is one of those that only make test-all runs.
func takesLong(t *testing.T) bool {
	if os.Getenv(everything) != "" {
		return false
	}
	t.Log("takes long; E2E_ALL=1 runs it")
	return true
}

// start begins the release of a version.
func (s *served) start(version string) run.Info {
	s.t.Helper()
	info, err := s.a.Client().Deploy(s.t.Context(), "web", version, "e2e", false)
	s.must(err)
	return info
}

// release releases a version and waits for what comes of it.
func (s *served) release(version string) rollout.Result {
	s.t.Helper()
	return s.ended(s.start(version))
}

func (s *served) ended(info run.Info) rollout.Result {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer stop()
	done, err := s.a.Engine.Wait(ctx, info.ID)
	if err != nil || done.Error != "" {
		s.t.Fatalf("%v %s\n%s", err, done.Error, s.told(info.ID))
	}
	var res rollout.Result
	s.must(json.Unmarshal(done.Result, &res))
	return res
}

// told is the run's part of the journal.
func (s *served) told(run string) string {
	entries, err := s.a.Journal.List(s.t.Context(), journal.Filter{Run: run, Limit: 1000})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.At.Format("15:04:05.0 ") + e.Event + ": " + e.Text + "\n")
	}
	return b.String()
}

// paused waits until the rollout asks a person, and returns why.
func (s *served) paused(info run.Info) (why string) {
	s.t.Helper()
	defer func() {
		if s.t.Failed() {
			s.t.Log(s.told(info.ID))
		}
	}()
	real.Eventually(s.t, 60*time.Second, "the rollout asks a person", func() bool {
		l, ok := s.a.Rollouts.Live(info.ID)
		why = l.Paused
		return ok && why != ""
	})
	return why
}

// gathered is one target with the metrics of all instances: a Prometheus takes seconds to find new ones by itself.
type gathered struct {
	a      atomic.Pointer[app.App]
	server *httptest.Server
}

func gather(t *testing.T) *gathered {
	g := &gathered{}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

func (g *gathered) address() string { return strings.TrimPrefix(g.server.URL, "http://") }

// ServeHTTP writes what the instances that can be asked say.
func (g *gathered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := g.a.Load()
	if a == nil {
		return
	}
	all, err := a.Rollouts.Runtime.List(r.Context(), "web")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, in := range all {
		res, err := http.Get(in.URL + "/metrics")
		if err != nil {
			continue // it is starting or has just ended
		}
		_, _ = io.Copy(w, res.Body) // as above
		_ = res.Body.Close()
	}
}
