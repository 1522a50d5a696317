package haproxy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

const (
	keptSeconds = 20 * 60
	saveEach    = 10 * time.Second
)

// seconds are the counts of all HAProxies together, by second and release.
type seconds struct {
	mu      sync.Mutex
	path    string
	at      map[key]*traffic.Second
	blind   map[string]error // why an HAProxy is not counted now, by socket
	partial map[int64]bool   // seconds in which one began or ended to be counted: a part says nothing
}

type key struct {
	unix    int64
	release string
}

func openSeconds(dir string) (*seconds, error) {
	s := &seconds{path: filepath.Join(dir, "seconds.json"), at: map[key]*traffic.Second{}, blind: map[string]error{}, partial: map[int64]bool{}}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("counts of the last minutes: %w", err)
	}
	var kept []traffic.Second
	if json.Unmarshal(text, &kept) != nil {
		return s, nil // counts that cannot be read are missing, which is unknown
	}
	for _, one := range kept {
		if one.Unix > time.Now().Unix()-keptSeconds {
			s.at[key{one.Unix, one.Release}] = &one
		}
	}
	return s, nil
}

// add counts into a second.
func (s *seconds) add(unix int64, release string, change func(*traffic.Second)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{unix, release}
	one := s.at[k]
	if one == nil {
		one = &traffic.Second{Unix: unix, Release: release}
		s.at[k] = one
	}
	change(one)
}

// sees notes whether an HAProxy is counted now; nil is that it is.
func (s *seconds) sees(socket string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (s.blind[socket] == nil) != (err == nil) {
		s.partial[time.Now().Unix()] = true
	}
	if err == nil {
		delete(s.blind, socket)
		return
	}
	s.blind[socket] = err
}

func (s *seconds) since(unix int64) ([]traffic.Second, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.blind {
		return nil, fmt.Errorf("the counts are not whole: %w", err)
	}
	return s.list(unix), nil
}

func (s *seconds) list(unix int64) []traffic.Second {
	now := time.Now().Unix()
	out := []traffic.Second{}
	for k, one := range s.at {
		if k.unix >= unix && k.unix < now && !s.partial[k.unix] && one.Requests+one.Aborted > 0 {
			second := *one
			second.Latency = traffic.Histogram{}
			second.Latency.Add(one.Latency)
			out = append(out, second)
		}
	}
	slices.SortFunc(out, func(a, b traffic.Second) int {
		return cmp.Or(cmp.Compare(a.Unix, b.Unix), cmp.Compare(a.Release, b.Release))
	})
	return out
}

// save writes the last minutes down and forgets what is older.
func (s *seconds) save() error {
	s.mu.Lock()
	old := time.Now().Unix() - keptSeconds
	for k := range s.at {
		if k.unix < old {
			delete(s.at, k)
		}
	}
	for unix := range s.partial {
		if unix < old {
			delete(s.partial, unix)
		}
	}
	all := s.list(old)
	s.mu.Unlock()
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("counts of the last minutes: %w", err)
	}
	if err := replace(s.path, text); err != nil {
		return fmt.Errorf("counts of the last minutes: %w", err)
	}
	return nil
}

func (r *router) keepSeconds(ctx context.Context) {
	tick := time.NewTicker(saveEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.seconds.save(); err != nil {
				r.log.ErrorContext(ctx, "counts were not written", "error", err)
			}
		}
	}
}
