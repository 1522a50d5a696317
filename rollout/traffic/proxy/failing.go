package proxy

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"goodstate.dev/goodstate/rollout/traffic"
)

const (
	witnessMost = 200  // kinds of failing requests that are kept for a service
	witnessPath = 120  // bytes of a path
	witnessLast = 3600 // seconds after which one that does not come again is forgotten
)

// witness keeps which kinds of requests failed. It costs something only when a request fails, and its room is bounded whatever is asked.
type witness struct {
	mu   sync.Mutex
	seen map[witnessed]*traffic.Failing
}

type witnessed struct {
	release, method, path string
	status                int
}

// note counts one failed request.
func (w *witness) note(release, method, path string, status int, now int64) {
	key := witnessed{release, method, kindOfPath(path), status}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.seen[key]
	if f == nil {
		if len(w.seen) >= witnessMost {
			w.forget(now)
		}
		if len(w.seen) >= witnessMost {
			return
		}
		if w.seen == nil {
			w.seen = map[witnessed]*traffic.Failing{}
		}
		f = &traffic.Failing{Release: release, Method: key.method, Path: key.path, Status: status, First: now}
		w.seen[key] = f
	}
	f.Count, f.Last = f.Count+1, now
}

func (w *witness) forget(now int64) {
	for key, f := range w.seen {
		if f.Last < now-witnessLast {
			delete(w.seen, key)
		}
	}
}

func (w *witness) list(now int64) []traffic.Failing {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	out := make([]traffic.Failing, 0, len(w.seen))
	for _, f := range w.seen {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b traffic.Failing) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Release, b.Release), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Status, b.Status))
	})
	return out
}

// kindOfPath is the path with * for each part that looks like an id or a name of somebody: a digit or an @ in it, or long.
func kindOfPath(path string) string {
	parts := strings.Split(path[:min(len(path), 4*witnessPath)], "/")
	for i, p := range parts {
		if len(p) > 24 || strings.ContainsAny(p, "0123456789@%") || strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' }) {
			parts[i] = "*"
		}
	}
	path = strings.Join(parts, "/")
	return path[:min(len(path), witnessPath)]
}
