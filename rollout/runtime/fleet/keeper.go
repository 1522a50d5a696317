package fleet

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	goruntime "runtime"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/process"
)

func init() {
	config.Register(config.Kind[Supervisor]{
		Name:    "keeper",
		Help:    "goodstate's own keeper, which is sent to the host: for hosts without systemd and without root",
		Example: "keeper",
		New:     func(func(any) error) (Supervisor, error) { return keeper{}, nil },
	})
}

// keeper runs instances as goodstate does on its own machine: this program is sent to the host, by its content and once, and asked
// there over standard input.
type keeper struct{}

// machines are the words of uname -m for what Go calls otherwise.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}

func (keeper) look(ctx context.Context, h *host, system string) (string, error) {
	machine := machines[goruntime.GOARCH]
	if machine == "" {
		machine = goruntime.GOARCH
	}
	if want := "Linux " + machine; system != want {
		return "", fmt.Errorf("host %s is %s, and the keeper is this program, for %s: use supervisor: systemd or command, or run goodstate on a machine like the host", h.place.Name, system, want)
	}
	_, err := keeper{}.program(ctx, h)
	return "goodstate's keeper", err
}

const (
	binScript = `set -eu
umask 022
mkdir -p "$1/bin"
[ -x "$1/bin/$2" ] && echo there || true`
	sendScript = `set -eu
cd "$1/bin"
t=$(mktemp ./new.XXXXXXXX)
trap 'rm -f "$t"' EXIT
gzip -dc >"$t"
[ "$(sha256sum <"$t" | cut -d ' ' -f 1)" = "$3" ] || { echo "it arrived damaged" >&2; exit 1; }
chmod 755 "$t"
mv -f "$t" "$2"
ls -t | grep '^goodstate-' | tail -n +4 | while read -r old; do rm -f "$old"; done`
)

// program makes sure that this program is on the host, and returns where.
func (keeper) program(ctx context.Context, h *host) (string, error) {
	root, err := h.folder(ctx)
	if err != nil {
		return "", err
	}
	sum, err := h.sum()
	if err != nil {
		return "", fmt.Errorf("the keeper for host %s: %w", h.place.Name, err)
	}
	name := "goodstate-" + sum[:16]
	at := path.Join(root, "bin", name)
	h.sending.Lock()
	defer h.sending.Unlock()
	said, err := h.sh(ctx, binScript, nil, root, name)
	if err != nil || strings.TrimSpace(said) == "there" {
		return at, err
	}
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(compressed(w, h.self))
	}()
	_, err = h.shWithin(ctx, sendWithin, sendScript, r, root, name, sum)
	r.CloseWithError(io.ErrClosedPipe)
	<-done
	return at, err
}

func compressed(to io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	large := bufio.NewWriterSize(to, sendSize)
	z, err := gzip.NewWriterLevel(large, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = io.Copy(z, f)
	return errors.Join(err, z.Close(), large.Flush())
}

const askScript = `exec "$1" instances --dir "$2"`

// ask asks the program on the host.
func (k keeper) ask(ctx context.Context, h *host, at string, q process.Question) (process.Answer, error) {
	var a process.Answer
	root, err := h.folder(ctx)
	if err != nil {
		return a, err
	}
	sum, err := h.sum()
	if err != nil {
		return a, fmt.Errorf("the keeper for host %s: %w", h.place.Name, err)
	}
	text, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	out, err := h.sh(ctx, askScript, bytes.NewReader(text), path.Join(root, "bin", "goodstate-"+sum[:16]), path.Join(at, "instances"))
	if err != nil && strings.Contains(err.Error(), "exit status 127") { // this program is newer, and not there yet
		if _, err := k.program(ctx, h); err != nil {
			return a, err
		}
		out, err = h.sh(ctx, askScript, bytes.NewReader(text), path.Join(root, "bin", "goodstate-"+sum[:16]), path.Join(at, "instances"))
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		return a, fmt.Errorf("host %s: its keeper answered %.200q: %w", h.place.Name, out, err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("host %s: %s", h.place.Name, a.Error)
	}
	return a, nil
}

func (k keeper) start(ctx context.Context, h *host, s runtime.Spec) (runtime.Instance, error) {
	if _, err := k.program(ctx, h); err != nil {
		return runtime.Instance{}, err
	}
	at, err := h.of(ctx, s.Service)
	if err != nil {
		return runtime.Instance{}, err
	}
	s.Place = nil
	a, err := k.ask(ctx, h, at, process.Question{Do: "start", Spec: &s})
	if err != nil {
		return runtime.Instance{}, err
	}
	if len(a.Instances) != 1 {
		return runtime.Instance{}, fmt.Errorf("host %s: its keeper told %d instances of the one that was started", h.place.Name, len(a.Instances))
	}
	return a.Instances[0], nil
}

func (k keeper) stop(ctx context.Context, h *host, id string) error {
	at, err := h.at(ctx, id)
	if err != nil {
		return err
	}
	_, err = k.ask(ctx, h, at, process.Question{Do: "stop", ID: id})
	return err
}

func (k keeper) list(ctx context.Context, h *host, service string) ([]runtime.Instance, error) {
	at, err := h.of(ctx, service)
	if err != nil {
		return nil, err
	}
	a, err := k.ask(ctx, h, at, process.Question{Do: "list", Service: service})
	return a.Instances, err
}

func (k keeper) logs(ctx context.Context, h *host, id string, lines int) ([]string, error) {
	at, err := h.at(ctx, id)
	if err != nil {
		return nil, err
	}
	a, err := k.ask(ctx, h, at, process.Question{Do: "logs", ID: id, Lines: lines})
	return a.Lines, err
}
