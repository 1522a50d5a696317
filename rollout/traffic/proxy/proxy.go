// Package proxy is goodstate's own reverse proxy: a process of its own that goes on serving when the controller ends, is
// killed or is replaced. It never decides where traffic goes; it does what the last route says, also after it was killed itself.
//
// Main is the proxy, Ensure finds or starts one, and the Client that Ensure gives is a traffic.Router. They talk over a Unix
// socket in the proxy's directory, which has the routes (routes.json) and what releases answered by second (seconds.jsonl).
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Options say where a proxy lives and how it behaves. Only Dir is needed.
type Options struct {
	Dir        string         // its folder; made when it is not there
	Command    []string       // how Ensure starts a proxy: argv of a program that calls Main with the same Dir
	Logger     *slog.Logger   // nil: nothing is logged
	Grace      time.Duration  // how long requests may go on when the proxy ends; 0: 30 s
	ReadHeader time.Duration  // how long a client may take to send a request's header; 0: 10 s
	Trusted    []netip.Prefix // peers whose X-Forwarded headers are believed; nil: those on this machine
}

const (
	lockName   = "proxy.lock"
	socketName = "proxy.sock"
	logName    = "proxy.log"
	gcPercent  = 400
)

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Grace == 0 {
		o.Grace = 30 * time.Second
	}
	if o.ReadHeader == 0 {
		o.ReadHeader = 10 * time.Second
	}
	if o.Trusted == nil {
		o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return o
}

// Main is the proxy. It returns when ctx ends, on SIGTERM or SIGINT, or when a client asks it to end: nil, after requests under
// way have finished or the time of grace is over. Only one proxy runs in a directory.
func Main(ctx context.Context, opt Options) (err error) {
	opt = opt.withDefaults()
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return fmt.Errorf("proxy: make its directory: %w", err)
	}
	lock := flock.New(filepath.Join(opt.Dir, lockName))
	held, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("proxy: lock %s: %w", lock.Path(), err)
	}
	if !held {
		return fmt.Errorf("proxy: another one%s runs in %s", lockedBy(lock.Path()), opt.Dir)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := os.WriteFile(lock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return fmt.Errorf("proxy: write its process id: %w", err)
	}

	if os.Getenv("GOGC") == "" {
		// The heap is a few megabytes, so the usual percentage collects it many times a second: a quarter of the processor time.
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	st, err := loadState(opt.Dir)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	secs, err := openSeconds(opt.Dir, time.Now().Unix())
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	s := &server{
		opt: opt, log: opt.Logger, up: newUpstreams(), seconds: secs,
		services: make(map[string]*service), cutoff: make(chan struct{}),
	}
	if err := s.restore(ctx, st); err != nil {
		return errors.Join(fmt.Errorf("proxy: %w", err), s.close())
	}
	if err := s.run(ctx, stop); err != nil {
		return errors.Join(fmt.Errorf("proxy: %w", err), s.close())
	}
	opt.Logger.Info("ending, requests may finish", "grace", opt.Grace)
	return s.close()
}

// lockedBy tells the process that holds the lock, " (pid 812)", or nothing.
func lockedBy(path string) string {
	b, err := os.ReadFile(path)
	pid := strings.TrimSpace(string(b))
	if err != nil || pid == "" {
		return ""
	}
	return " (pid " + pid + ")"
}
