package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/rollout/runtime"
)

func init() {
	config.Register(config.Kind[Supervisor]{
		Name:    "systemd",
		Help:    "a systemd unit for each instance, which also starts it again after the host was restarted; needs root or become",
		Example: "systemd: {user: shop}",
		New: func(decode func(any) error) (Supervisor, error) {
			s := &systemd{}
			return s, decode(s)
		},
	})
}

type systemd struct {
	User string `yaml:"user" help:"account that instances run as (default: root)"`
}

// unit is the name of an instance's unit; = may not be in one.
func unit(id string) string { return "goodstate-" + strings.ReplaceAll(id, "=", ":") + ".service" }

const systemdScript = `set -eu
[ -d /run/systemd/system ] || { echo "systemd does not run there: use supervisor: keeper or command" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "only root may make units: connect as root, or set become: true" >&2; exit 1; }
[ -z "$1" ] || id -u "$1" >/dev/null
systemctl --version | head -n 1`

func (s *systemd) look(ctx context.Context, h *host, _ string) (string, error) {
	said, err := h.sh(ctx, systemdScript, nil, s.User)
	return strings.TrimSpace(said), err
}

const (
	unitScript = `set -eu
umask 077
id=$1 unit=$2 dir=$3
mkdir -p "$dir/$id"
chmod 711 "$dir" "$dir/$id"
cd "$dir/$id"
if systemctl is-active --quiet "$unit"; then echo running; exit 0; fi
rm -f stopped exit
tar -xf -
chmod 755 run ended
mv -f unit "/etc/systemd/system/$unit"
chmod 644 "/etc/systemd/system/$unit"
systemctl daemon-reload
systemctl reset-failed "$unit" 2>/dev/null || true
systemctl enable --quiet "$unit" 2>/dev/null
systemctl start "$unit" || true`

	endScript = `set -eu
unit=$2 dir=$3/$1
[ -d "$dir" ] || exit 0
systemctl stop "$unit" 2>/dev/null || true
if systemctl is-active --quiet "$unit"; then echo "$unit is still active after systemctl stop" >&2; exit 1; fi
systemctl disable --quiet "$unit" 2>/dev/null || true
rm -f "/etc/systemd/system/$unit"
systemctl daemon-reload
systemctl reset-failed "$unit" 2>/dev/null || true
rm -f "$dir/environment"
: >"$dir/stopped"
ls -dt "$3"/*/stopped 2>/dev/null | tail -n +11 | while read -r old; do rm -rf "${old%/stopped}"; done`

	// A block an instance: its id, what it was started from, how it ended last, and systemd's properties.
	showScript = `set -eu
cd "$1" 2>/dev/null || exit 0
for id in *; do
	[ -f "$id/spec.json" ] && [ ! -e "$id/stopped" ] || continue
	unit=goodstate-$(printf %s "$id" | tr = :).service
	echo "id=$id"
	printf 'spec='; cat "$id/spec.json"; echo
	[ ! -f "$id/exit" ] || { printf 'exit='; head -n 1 "$id/exit"; }
	systemctl show "$unit" -p ActiveState,SubState,MainPID,NRestarts,Result,MemoryCurrent,CPUUsageNSec
	pid=$(systemctl show "$unit" -p MainPID --value)
	[ "$pid" = 0 ] || awk '/^VmRSS/ { print "VmRSS=" $2 }' "/proc/$pid/status" 2>/dev/null || true
	echo
done`
)

func (s *systemd) start(ctx context.Context, h *host, spec runtime.Spec) (runtime.Instance, error) {
	at, err := h.of(ctx, spec.Service)
	if err != nil {
		return runtime.Instance{}, err
	}
	dir := path.Join(at, "instances")
	h.starting.Lock() // ports are chosen one after the other
	defer h.starting.Unlock()
	if i, ok, err := running(ctx, h, s, spec); ok || err != nil {
		return i, err
	}
	if spec.Port, err = h.port(ctx, dir, spec); err != nil {
		return runtime.Instance{}, err
	}
	files, err := s.files(spec, path.Join(dir, spec.ID()))
	if err != nil {
		return runtime.Instance{}, fmt.Errorf("host %s: %w", h.place.Name, err)
	}
	if _, err := h.sh(ctx, unitScript, files, spec.ID(), unit(spec.ID()), dir); err != nil {
		return runtime.Instance{}, err
	}
	return found(ctx, h, s, spec)
}

// running returns the instance when it runs already.
func running(ctx context.Context, h *host, s Supervisor, spec runtime.Spec) (runtime.Instance, bool, error) {
	i, err := found(ctx, h, s, spec)
	var none *notFoundError
	if errors.As(err, &none) {
		return i, false, nil
	}
	return i, err == nil && i.State == runtime.Running, err
}

type notFoundError struct{ host, id string }

func (e *notFoundError) Error() string {
	return fmt.Sprintf("host %s: %s is not there after it was started", e.host, e.id)
}

func found(ctx context.Context, h *host, s Supervisor, spec runtime.Spec) (runtime.Instance, error) {
	all, err := s.list(ctx, h, spec.Service)
	if err != nil {
		return runtime.Instance{}, err
	}
	for _, i := range all {
		if i.ID == spec.ID() {
			return i, nil
		}
	}
	return runtime.Instance{}, &notFoundError{h.place.Name, spec.ID()}
}

func (s *systemd) stop(ctx context.Context, h *host, id string) error {
	at, err := h.at(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.shWithin(ctx, endWithin, endScript, nil, id, unit(id), path.Join(at, "instances"))
	return err
}

const endWithin = 10 * time.Minute // a service's grace may be long

func (s *systemd) list(ctx context.Context, h *host, service string) ([]runtime.Instance, error) {
	at, err := h.of(ctx, service)
	if err != nil {
		return nil, err
	}
	out, err := h.sh(ctx, showScript, nil, path.Join(at, "instances"))
	if err != nil {
		return nil, err
	}
	var all []runtime.Instance
	for block := range strings.SplitSeq(out, "\n\n") {
		values := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			values[name] = value
		}
		if values["id"] == "" {
			continue
		}
		var known kept
		if err := json.Unmarshal([]byte(values["spec"]), &known); err != nil {
			return nil, fmt.Errorf("host %s: what %s was started from: %w", h.place.Name, values["id"], err)
		}
		all = append(all, seen(known, values))
	}
	return all, nil
}

// kept is what stays on the host of what an instance was started from; its environment is not in it.
type kept struct {
	runtime.Spec
	Started time.Time `json:"started"`
}

// seen says in the family's words what systemd says of a unit.
func seen(k kept, v map[string]string) runtime.Instance {
	i := runtime.Instance{ID: k.ID(), Service: k.Service, Release: k.Release, Index: k.Index, URL: k.URL(), Started: k.Started}
	i.Restarts, _ = strconv.Atoi(v["NRestarts"])            // absent: none
	i.Restarts = min(i.Restarts, k.Restarts)                // the one that it refused is counted too
	nanos, _ := strconv.ParseInt(v["CPUUsageNSec"], 10, 64) // "[not set]": not measured
	i.CPU = float64(nanos) / 1e9
	i.Exit = exitWords(v["exit"], k.Memory)
	switch v["ActiveState"] {
	case "active", "activating", "reloading":
		i.State = runtime.Running
		i.PID, _ = strconv.Atoi(v["MainPID"])
		if rss, err := strconv.ParseInt(v["VmRSS"], 10, 64); err == nil {
			i.RSS = rss << 10
		}
		if bytes, err := strconv.ParseInt(v["MemoryCurrent"], 10, 64); err == nil {
			i.RSS = max(i.RSS, bytes)
		}
	case "deactivating":
		i.State = runtime.Running
	default:
		i.State = runtime.Exited
		switch {
		case i.Exit == "":
			i.Exit = "ended: " + v["Result"]
		case i.Restarts > 0:
			i.Exit += fmt.Sprintf(" (restarted %d times, given up)", i.Restarts)
		}
	}
	return i
}

// exitWords says how a program ended: systemd's SERVICE_RESULT, EXIT_CODE and EXIT_STATUS (systemd.exec(5)), and the most memory
// that it had.
func exitWords(text string, memory int64) string {
	words := strings.Fields(text)
	if len(words) < 3 {
		return ""
	}
	peak := int64(0)
	if len(words) > 3 {
		peak, _ = strconv.ParseInt(words[3], 10, 64) // not measured everywhere
	}
	switch result, code, status := words[0], words[1], words[2]; {
	case result == "oom-kill", code == "killed" && status == "KILL" && memory > 0 && peak >= memory/100*98:
		return fmt.Sprintf("killed: memory %d MiB over its limit of %d MiB", max(peak, memory)>>20, memory>>20)
	case code == "killed" || code == "dumped":
		return "killed by SIG" + strings.TrimPrefix(status, "SIG")
	default:
		return "exit code " + status
	}
}

// Older journalctls take -n with --since for the first lines.
const journalScript = `journalctl -q --no-pager -o cat --since "@$3" "_SYSTEMD_UNIT=$1" | tail -n "$2"`

func (s *systemd) logs(ctx context.Context, h *host, id string, lines int) ([]string, error) {
	if lines <= 0 {
		return nil, nil
	}
	at, err := h.at(ctx, id)
	if err != nil {
		return nil, err
	}
	text, err := h.sh(ctx, `cat "$1"`, nil, path.Join(at, "instances", id, "spec.json"))
	var k kept
	if err == nil {
		err = json.Unmarshal([]byte(text), &k)
	}
	if err != nil {
		return nil, fmt.Errorf("logs of %s: %w", id, err)
	}
	out, err := h.sh(ctx, journalScript, nil, unit(id), strconv.Itoa(min(lines, 100_000)), strconv.FormatInt(k.Started.Unix(), 10))
	return linesOf(out), err
}

func linesOf(text string) []string {
	text = strings.ToValidUTF8(strings.TrimSuffix(text, "\n"), "\uFFFD")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// runScript is the program of the unit: what systemd starts, and what takes the place of itself.
func runScript(s runtime.Spec) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\nexec")
	for _, w := range s.Words() {
		b.WriteString(" " + remote.Quote(w))
	}
	return b.String() + "\n"
}
