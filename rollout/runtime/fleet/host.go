package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/rollout/runtime"
)

const (
	connectWithin = 10 * time.Second
	scriptWithin  = time.Minute
	downFor       = 3 * time.Second // a host that could not be reached is not tried again before
	mostOutput    = 16 << 20
)

// host is one host, connected to when it is first asked and again when the connection was lost.
type host struct {
	place      runtime.Place
	supervisor Supervisor
	self       string
	sum        func() (string, error) // of self
	ssh        remote.Options
	log        *slog.Logger

	lists sync.Map      // of services to what was told last
	slots chan struct{} // commands at a time

	mu       sync.Mutex
	client   *remote.Client
	down     error      // why it could not be reached
	downAt   time.Time  // when
	address  string     // at which its instances are reached
	root     string     // folder on the host
	sending  sync.Mutex // one release at a time
	starting sync.Mutex // one instance at a time, where ports are chosen
}

// connect returns the open connection, or makes one. A host that has just been found unreachable is not waited for again.
func (h *host) connect(ctx context.Context) (*remote.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client != nil {
		select {
		case <-h.client.Done():
			h.client = nil
		default:
			return h.client, nil
		}
	}
	if h.down != nil && time.Since(h.downAt) < downFor {
		return nil, h.down
	}
	o := h.ssh
	o.Args = append(append([]string{}, o.Args...), h.place.Args...)
	o.Identities = append(append([]string{}, h.place.Keys...), o.Identities...)
	if o.Timeout == 0 {
		o.Timeout = connectWithin
	}
	c, err := remote.Dial(ctx, remote.Target{Host: h.place.Host, Port: h.place.Port, User: h.place.User}, o)
	if err != nil {
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ctx.Err()
		}
		h.down, h.downAt = &runtime.UnreachableError{Host: h.place.Name, Err: err}, time.Now()
		return nil, h.down
	}
	h.client, h.down = c, nil
	return c, nil
}

func (h *host) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == nil {
		return nil
	}
	err := h.client.Close()
	h.client = nil
	return err
}

// drop forgets a connection that does not answer.
func (h *host) drop(c *remote.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == c {
		h.client = nil
	}
	go func() { _ = c.Close() }() // it may hang as the host does
}

// sh runs a script with arguments in a POSIX shell on the host, through sudo where the place says so. What is secret goes in over
// standard input, never in an argument.
func (h *host) sh(ctx context.Context, script string, stdin io.Reader, args ...string) (string, error) {
	return h.shWithin(ctx, scriptWithin, script, stdin, args...)
}

func (h *host) shWithin(ctx context.Context, within time.Duration, script string, stdin io.Reader, args ...string) (string, error) {
	select { // sshd takes ten commands at a time on one connection, unless it is told otherwise
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return "", &runtime.UnreachableError{Host: h.place.Name, Err: ctx.Err()}
	}
	c, err := h.connect(ctx)
	if err != nil {
		return "", err
	}
	limited, stop := context.WithTimeoutCause(ctx, within, fmt.Errorf("it did not answer within %s", within))
	defer stop()
	line := "exec "
	if h.place.Become {
		line += "sudo -n -- "
	}
	line += "/bin/sh -c " + remote.Quote(script) + " sh"
	for _, a := range args {
		line += " " + remote.Quote(a)
	}
	out, err := c.Output(limited, line, stdin, mostOutput)
	if err == nil {
		return string(out), nil
	}
	return string(out), h.because(ctx, limited, c, err)
}

// because tells a host that cannot be asked from a command that failed.
func (h *host) because(ctx, limited context.Context, c *remote.Client, err error) error {
	var gone *remote.UnreachableError
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ctx.Err()
	case limited.Err() != nil:
		h.drop(c)
		return &runtime.UnreachableError{Host: h.place.Name, Err: context.Cause(limited)}
	case errors.As(err, &gone):
		h.drop(c)
		return &runtime.UnreachableError{Host: h.place.Name, Err: err}
	case h.place.Become && strings.Contains(err.Error(), "sudo:"):
		return &refusedError{h.place.Name, err}
	}
	return fmt.Errorf("host %s: %w", h.place.Name, err)
}

// refusedError says that sudo is not granted.
type refusedError struct {
	host string
	err  error
}

// Error says what sudo said.
func (e *refusedError) Error() string {
	return fmt.Sprintf("host %s: sudo is refused: %v", e.host, e.err)
}

// Hint says what to do.
func (e *refusedError) Hint() string {
	return "let the account use sudo without a password there (NOPASSWD in /etc/sudoers.d), connect as root, or set become: false"
}

func (e *refusedError) Unwrap() error { return e.err }

const rootScript = `set -eu
dir=$1
[ -n "$dir" ] || if [ "$(id -u)" = 0 ]; then dir=/var/lib/goodstate; else dir=$HOME/.local/share/goodstate; fi
umask 022
mkdir -p "$dir"
cd "$dir"
pwd -P`

// folder is the host's folder for goodstate, made when it is not there.
func (h *host) folder(ctx context.Context) (string, error) {
	h.mu.Lock()
	root := h.root
	h.mu.Unlock()
	if root != "" {
		return root, nil
	}
	out, err := h.sh(ctx, rootScript, nil, h.place.Dir)
	if err != nil {
		return "", err
	}
	root = strings.TrimSuffix(out, "\n")
	if !path.IsAbs(root) || strings.ContainsAny(root, "\n\x00") {
		return "", fmt.Errorf("host %s: its folder %q is no absolute path", h.place.Name, root)
	}
	h.mu.Lock()
	h.root = root
	h.mu.Unlock()
	return root, nil
}

// of is the folder of a service on the host.
func (h *host) of(ctx context.Context, service string) (string, error) {
	root, err := h.folder(ctx)
	return path.Join(root, runtime.Escape(service, false)), err
}

// at is the folder of an instance's service.
func (h *host) at(ctx context.Context, id string) (string, error) {
	root, err := h.folder(ctx)
	service, _, _ := strings.Cut(id, ".")
	if service == "" || service == ".." || strings.ContainsAny(id, "/\x00") {
		return "", fmt.Errorf("%q is not the id of an instance", id)
	}
	return path.Join(root, service), err
}

func (h *host) start(ctx context.Context, s runtime.Spec) (runtime.Instance, error) {
	dir, err := h.send(ctx, s.Service, s.Dir)
	if err != nil {
		return runtime.Instance{}, err
	}
	if s.Host, err = h.reached(ctx); err != nil {
		return runtime.Instance{}, err
	}
	s.Dir = dir
	if h.place.Listen != "" {
		s.Host = h.place.Listen
	}
	i, err := h.supervisor.start(ctx, h, s)
	h.changed()
	if err != nil {
		return i, err
	}
	return h.named(i), h.point(ctx, s.Service, dir)
}

// named adds what only the place knows.
func (h *host) named(i runtime.Instance) runtime.Instance {
	i.Host = h.place.Name
	h.mu.Lock()
	address := h.address
	h.mu.Unlock()
	if at := strings.LastIndexByte(i.URL, ':'); at > 0 {
		if port, err := strconv.Atoi(i.URL[at+1:]); err == nil {
			i.URL = "http://" + net.JoinHostPort(address, strconv.Itoa(port))
		}
	}
	return i
}

// reached is the address at which the host's instances are reached: the one that was given, or that of the host.
func (h *host) reached(ctx context.Context) (string, error) {
	h.mu.Lock()
	known := h.address
	h.mu.Unlock()
	if known != "" {
		return known, nil
	}
	known = h.place.Address
	if known == "" {
		c, err := h.connect(ctx)
		if err != nil {
			return "", err
		}
		known = c.Target.Host
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", known)
	if err != nil || len(all) == 0 {
		return "", fmt.Errorf("host %s: the address of its instances: %w; set goodstate_address in the inventory", h.place.Name, err)
	}
	known = all[0].Unmap().String()
	h.mu.Lock()
	h.address = known
	h.mu.Unlock()
	return known, nil
}

// fresh is how long a list is taken for the state of the host, so that many who ask at the same moment ask once.
const fresh = 500 * time.Millisecond

// told is what a host said last of a service's instances.
type told struct {
	mu  sync.Mutex
	at  time.Time
	all []runtime.Instance
}

// changed forgets what was told.
func (h *host) changed() { h.lists.Clear() }

func (h *host) list(ctx context.Context, service string) ([]runtime.Instance, error) {
	known, _ := h.lists.LoadOrStore(service, &told{})
	last := known.(*told)
	last.mu.Lock()
	defer last.mu.Unlock()
	if time.Since(last.at) < fresh {
		return slices.Clone(last.all), nil
	}
	if _, err := h.reached(ctx); err != nil {
		return nil, err
	}
	all, err := h.supervisor.list(ctx, h, service)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i] = h.named(all[i])
	}
	last.at, last.all = time.Now(), all
	return slices.Clone(all), nil
}

func (h *host) logs(ctx context.Context, id string, lines int) ([]string, error) {
	return h.supervisor.logs(ctx, h, id, lines)
}

func (h *host) stop(ctx context.Context, id string) error {
	err := h.supervisor.stop(ctx, h, id)
	h.changed()
	if err != nil {
		return err
	}
	at, err := h.at(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.sh(ctx, tidyScript, nil, at, strconv.Itoa(keptReleases))
	return err
}

const leastFree = 200 << 20 // bytes

const lookScript = `set -eu
cd "$1"
uname -sm
df -Pk . | awk 'NR == 2 { print $4 }'
id -un
for p in tar gzip sha256sum find; do command -v $p >/dev/null || { echo "$p is not installed" >&2; exit 1; }; done`

// look says what a host is, or why it cannot be used.
func (h *host) look(ctx context.Context) (string, error) {
	root, err := h.folder(ctx)
	if err != nil {
		return "", err
	}
	out, err := h.sh(ctx, lookScript, nil, root)
	if err != nil {
		return "", err
	}
	lines := strings.Split(out, "\n")
	if len(lines) < 3 {
		return "", fmt.Errorf("host %s: %.200q does not tell what it is", h.place.Name, out)
	}
	free, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", fmt.Errorf("host %s: free space of %s: %w", h.place.Name, root, err)
	}
	if free <<= 10; free < leastFree {
		return "", fmt.Errorf("host %s: %s has %d MiB free, want %d", h.place.Name, root, free>>20, leastFree>>20)
	}
	said, err := h.supervisor.look(ctx, h, lines[0])
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s as %s, %s, %d MiB free in %s", lines[0], lines[2], said, free>>20, root), nil
}
