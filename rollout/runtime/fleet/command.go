package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/rollout/runtime"
)

func init() {
	config.Register(config.Kind[Supervisor]{
		Name:    "command",
		Help:    "commands of your own that start, stop and ask after an instance, run in the release's folder on the host",
		Example: "command: {start: ./service start, stop: ./service stop, status: ./service status}",
		New: func(decode func(any) error) (Supervisor, error) {
			c := &command{Within: config.Duration(time.Minute)}
			return c, decode(c)
		},
	})
}

// command asks the user's own commands. They get the environment of the instance, with its command line as GOODSTATE_RUN, and a folder
// of the instance for what they have to remember as GOODSTATE_DIR.
type command struct {
	Start  string          `yaml:"start" required:"true" help:"starts the instance and returns; it may run twice" example:"./service start"`
	Stop   string          `yaml:"stop" required:"true" help:"ends the instance and returns when it has ended; it may run twice" example:"./service stop"`
	Status string          `yaml:"status" required:"true" help:"ends with 0 while the instance runs, with anything else when it does not" example:"./service status"`
	Logs   string          `yaml:"logs" help:"writes the instance's log; the last lines are kept" example:"tail -n 100 $GOODSTATE_DIR/log"`
	Within config.Duration `yaml:"within" help:"how long a command may take"`
}

func (c *command) look(context.Context, *host, string) (string, error) {
	return "commands of its own", nil
}

const (
	// The variables come over standard input; the command is in an argument, as it is in the configuration.
	ownScript = `set -eu
umask 077
id=$1 dir=$2 own=$3
mkdir -p "$dir/$id"
cd "$dir/$id"
eval "$(cat)"
export GOODSTATE_DIR="$dir/$id"
cd "$GOODSTATE_RELEASE_DIR"
exec </dev/null
exec /bin/sh -c "$own"`

	keepScript = `set -eu
umask 077
mkdir -p "$1"
cd "$1"
rm -f stopped
cat >spec.json.new
mv -f spec.json.new spec.json`

	namesScript = `cd "$1" 2>/dev/null || exit 0
for id in *; do
	[ -f "$id/spec.json" ] && [ ! -e "$id/stopped" ] || continue
	cat "$id/spec.json"; echo
done`

	goneScript = `set -eu
[ -d "$1/$2" ] || exit 0
: >"$1/$2/stopped"
ls -dt "$1"/*/stopped 2>/dev/null | tail -n +11 | while read -r old; do rm -rf "${old%/stopped}"; done`
)

// own runs one of the user's commands for an instance. The environment of a service is only known when it is started: the others get
// what is kept.
func (c *command) own(ctx context.Context, h *host, s runtime.Spec, text string) (string, error) {
	at, err := h.of(ctx, s.Service)
	if err != nil {
		return "", err
	}
	env, err := environment(s)
	if err != nil {
		return "", fmt.Errorf("host %s: %w", h.place.Name, err)
	}
	env["GOODSTATE_RELEASE_DIR"], env["GOODSTATE_RUN"] = s.Dir, commandLine(s)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, remote.Quote(env[name]))
	}
	return h.shWithin(ctx, time.Duration(c.Within), ownScript, strings.NewReader(b.String()), s.ID(), path.Join(at, "instances"), text)
}

func commandLine(s runtime.Spec) string {
	var words []string
	for _, w := range s.Words() {
		words = append(words, remote.Quote(w))
	}
	return strings.Join(words, " ")
}

func (c *command) start(ctx context.Context, h *host, s runtime.Spec) (runtime.Instance, error) {
	at, err := h.of(ctx, s.Service)
	if err != nil {
		return runtime.Instance{}, err
	}
	dir := path.Join(at, "instances")
	h.starting.Lock()
	defer h.starting.Unlock()
	if i, ok, err := running(ctx, h, c, s); ok || err != nil {
		return i, err
	}
	if s.Port, err = h.port(ctx, dir, s); err != nil {
		return runtime.Instance{}, err
	}
	text, err := keptOf(s)
	if err != nil {
		return runtime.Instance{}, err
	}
	if _, err := h.sh(ctx, keepScript, strings.NewReader(text), path.Join(dir, s.ID())); err != nil {
		return runtime.Instance{}, err
	}
	if out, err := c.own(ctx, h, s, c.Start); err != nil {
		return runtime.Instance{}, fmt.Errorf("start %s: %w; it said: %.500s", s.ID(), err, out)
	}
	return found(ctx, h, c, s)
}

// known are the specs of the instances that were started and not stopped.
func (c *command) known(ctx context.Context, h *host, service string) ([]kept, error) {
	at, err := h.of(ctx, service)
	if err != nil {
		return nil, err
	}
	out, err := h.sh(ctx, namesScript, nil, path.Join(at, "instances"))
	if err != nil {
		return nil, err
	}
	var all []kept
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var k kept
		if err := json.Unmarshal([]byte(line), &k); err != nil {
			return nil, fmt.Errorf("host %s: what an instance was started from: %w", h.place.Name, err)
		}
		all = append(all, k)
	}
	return all, nil
}

func (c *command) list(ctx context.Context, h *host, service string) ([]runtime.Instance, error) {
	known, err := c.known(ctx, h, service)
	if err != nil {
		return nil, err
	}
	var all []runtime.Instance
	for _, k := range known {
		i := runtime.Instance{ID: k.ID(), Service: k.Service, Release: k.Release, Index: k.Index, URL: k.URL(), Started: k.Started, State: runtime.Running}
		_, err := c.own(ctx, h, k.Spec, c.Status)
		var exit *remote.ExitError
		switch {
		case errors.As(err, &exit):
			i.State, i.Exit = runtime.Exited, fmt.Sprintf("%s: %v", c.Status, exit)
		case err != nil:
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

func (c *command) one(ctx context.Context, h *host, id string) (kept, bool, error) {
	at, err := h.at(ctx, id)
	if err != nil {
		return kept{}, false, err
	}
	text, err := h.sh(ctx, `[ ! -f "$1" ] || cat "$1"`, nil, path.Join(at, "instances", id, "spec.json"))
	if err != nil || text == "" {
		return kept{}, false, err
	}
	var k kept
	return k, true, json.Unmarshal([]byte(text), &k)
}

func (c *command) stop(ctx context.Context, h *host, id string) error {
	k, ok, err := c.one(ctx, h, id)
	if err != nil || !ok {
		return err
	}
	if out, err := c.own(ctx, h, k.Spec, c.Stop); err != nil {
		return fmt.Errorf("stop %s: %w; it said: %.500s", id, err, out)
	}
	at, err := h.at(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.sh(ctx, goneScript, nil, path.Join(at, "instances"), id)
	return err
}

func (c *command) logs(ctx context.Context, h *host, id string, lines int) ([]string, error) {
	k, ok, err := c.one(ctx, h, id)
	if err != nil || !ok || c.Logs == "" || lines <= 0 {
		return nil, err
	}
	out, err := c.own(ctx, h, k.Spec, c.Logs)
	all := linesOf(out)
	return all[max(0, len(all)-lines):], err
}
