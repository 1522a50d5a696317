package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/rollout/runtime"
)

const portScript = `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; echo given; cat "$1"/../../*/instances/*/spec.json 2>/dev/null; echo; echo mine; cat "$1/$2/spec.json" 2>/dev/null; true`

// port chooses where the instance listens: where it did before, a port from the given one on, or any below those that Linux takes for
// outgoing connections. A port that somebody listens on, or that another instance has, is not chosen.
func (h *host) port(ctx context.Context, dir string, s runtime.Spec) (int, error) {
	out, err := h.sh(ctx, portScript, nil, dir, s.ID())
	if err != nil {
		return 0, err
	}
	table, rest, _ := strings.Cut(out, "\ngiven\n")
	given, mine, _ := strings.Cut(rest, "\nmine\n")
	taken := listening(table)
	before := portsOf(mine)
	for p := range portsOf(given) {
		if !before[p] {
			taken[p] = true
		}
	}
	if s.Port != 0 {
		if taken[s.Port] {
			return 0, fmt.Errorf("host %s: port %d is taken; free it, or give the service another port", h.place.Name, s.Port)
		}
		return s.Port, nil
	}
	for p := range before {
		if !taken[p] {
			return p, nil
		}
	}
	return h.free(taken, s.PortFrom)
}

const lowestPort, highestPort, portsFrom = 20_000, 32_000, 100

func (h *host) free(taken map[int]bool, from int) (int, error) {
	low, span, first := lowestPort, highestPort-lowestPort, rand.IntN(highestPort-lowestPort)
	if from > 0 {
		low, span, first = from, portsFrom, 0
	}
	for i := range span {
		if p := low + (first+i)%span; !taken[p] && p < 65536 {
			return p, nil
		}
	}
	return 0, fmt.Errorf("host %s: no port between %d and %d is free", h.place.Name, low, low+span)
}

// listening reads which ports are listened on (proc_net_tcp(5)).
func listening(table string) map[int]bool {
	ports := map[int]bool{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != "0A" {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		if p, err := strconv.ParseInt(hex, 16, 32); err == nil {
			ports[int(p)] = true
		}
	}
	return ports
}

// portsOf finds the ports in what instances were started from.
func portsOf(text string) map[int]bool {
	ports := map[int]bool{}
	for _, part := range strings.Split(text, `"port":`)[1:] {
		end := strings.IndexFunc(part, func(c rune) bool { return c < '0' || c > '9' })
		if p, err := strconv.Atoi(part[:max(end, 0)]); err == nil && p > 0 {
			ports[p] = true
		}
	}
	return ports
}
