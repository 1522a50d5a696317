package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// Answers on the control socket, in JSON. A status of 400 and above carries refusal.
type (
	pong struct {
		PID      int       `json:"pid"`
		Since    time.Time `json:"since"`
		Problems []string  `json:"problems,omitempty"` // routes that are not served
	}
	found struct {
		OK    bool          `json:"ok"`
		Route traffic.Route `json:"route"`
	}
	drained struct {
		Left int64 `json:"left"`
	}
	refusal struct {
		Error string `json:"error"`
	}
)

const (
	drainPoll    = 5 * time.Millisecond
	drainLongest = 5 * time.Second // of one call; the client asks again
	maxControl   = 8 << 20
)

// run answers clients on the control socket, and ticks, until ctx ends; stop ends it.
func (s *server) run(ctx context.Context, stop func()) error {
	path := filepath.Join(s.opt.Dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket of an earlier proxy: %w", err)
	}
	l, err := listenUnix(ctx, path)
	if err != nil {
		return err
	}
	control := &http.Server{Handler: s.control(stop), ReadHeaderTimeout: 5 * time.Second}
	var parts sync.WaitGroup
	parts.Go(func() { s.tick(ctx) })
	parts.Go(func() {
		if err := control.Serve(&ownPeers{l, s.log}); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the control socket ended", "error", err)
			stop()
		}
	})
	s.log.Info("proxy is up", "pid", os.Getpid(), "dir", s.opt.Dir)
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := control.Shutdown(last); err != nil {
		_ = control.Close() // a client that waits for a drain is cut off: it will ask again
	}
	parts.Wait()
	return nil
}

// listenUnix opens the socket for this user only, from its first moment on.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > 107 {
		return nil, fmt.Errorf("control socket %s: the path has %d bytes, the system allows 107; choose a shorter directory", path, len(path))
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open the control socket: %w", err), l.Close())
	}
	return l, nil
}

func (s *server) control(stop func()) http.Handler {
	since := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		s.reply(w, pong{PID: os.Getpid(), Since: since, Problems: s.problems()}, nil)
	})
	mux.HandleFunc("PUT /routes", func(w http.ResponseWriter, r *http.Request) {
		var rt traffic.Route
		in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
		in.DisallowUnknownFields()
		if err := in.Decode(&rt); err != nil {
			s.reply(w, nil, fmt.Errorf("read the route: %w", err))
			return
		}
		s.reply(w, struct{}{}, s.apply(r.Context(), rt))
	})
	mux.HandleFunc("GET /routes/{service}", func(w http.ResponseWriter, r *http.Request) {
		rt, ok, err := s.find(r.PathValue("service"))
		s.reply(w, found{ok, rt}, err)
	})
	mux.HandleFunc("DELETE /routes/{service}", func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, struct{}{}, s.remove(r.PathValue("service")))
	})
	mux.HandleFunc("POST /drain/{service}/{release}", func(w http.ResponseWriter, r *http.Request) {
		longest := drainLongest
		if r.FormValue("now") != "" {
			longest = 0
		}
		s.reply(w, drained{s.drain(r.Context(), longest, r.PathValue("service"), r.PathValue("release"), r.FormValue("instance"))}, nil)
	})
	mux.HandleFunc("GET /seconds/{service}", func(w http.ResponseWriter, r *http.Request) {
		ns, err := strconv.ParseInt(r.FormValue("since"), 10, 64)
		if err != nil {
			s.reply(w, nil, fmt.Errorf("since: %w", err))
			return
		}
		s.reply(w, s.since(r.PathValue("service"), time.Unix(0, ns)), nil)
	})
	mux.HandleFunc("GET /failing/{service}", func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, s.failed(r.PathValue("service")), nil)
	})
	mux.HandleFunc("POST /shutdown", func(w http.ResponseWriter, _ *http.Request) {
		s.reply(w, struct{}{}, nil)
		stop()
	})
	return mux
}

func (s *server) reply(w http.ResponseWriter, what any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		what = refusal{err.Error()}
	}
	if err := json.NewEncoder(w).Encode(what); err != nil {
		s.log.Debug("a client went before it had its answer", "error", err)
	}
}

// drain waits until the release, or its one instance, has no request under way, but not longer than a client may wait for one answer.
func (s *server) drain(ctx context.Context, longest time.Duration, service, release, instance string) int64 {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	t := time.NewTicker(drainPoll)
	defer t.Stop()
	for {
		left := s.underWay(service, release, instance)
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-t.C:
		}
	}
}

func (s *server) problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, svc := range s.services {
		if svc.problem != nil {
			out = append(out, svc.problem.Error())
		}
	}
	return out
}
