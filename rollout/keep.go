package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/traffic"
)

// keep records a release that is on this machine, with the configuration that belongs to it.
func (s *Rollouts) keep(ctx context.Context, k Kept, state store.ReleaseState) error {
	conf, err := json.Marshal(k.Config)
	if err != nil {
		return fmt.Errorf("configuration of %s %s: %w", k.Release.Service, k.Release.Version, err)
	}
	return s.Store.PutRelease(ctx, store.Release{Release: k.Release, Config: conf, Dir: k.Dir, State: state, At: time.Now()})
}

// serve records which release serves; the one that did is only kept from then on.
func (s *Rollouts) serve(ctx context.Context, k Kept) error {
	all, err := s.Store.Releases(ctx, k.Release.Service)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.State == store.Serving && r.Release.ID() != k.Release.ID() {
			r.State = store.Built
			if err := s.Store.PutRelease(ctx, r); err != nil {
				return err
			}
		}
	}
	return s.keep(ctx, k, store.Serving)
}

// Serving is the release that serves; nil before the first one.
func (s *Rollouts) Serving(ctx context.Context, service string) (*Kept, error) {
	all, err := s.Store.Releases(ctx, service)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(r store.Release) bool { return r.State == store.Serving })
	if i < 0 {
		return nil, nil
	}
	return keptOf(all[i])
}

// kept finds a release that is kept on this machine.
func (s *Rollouts) kept(ctx context.Context, service, id string) (*Kept, error) {
	all, err := s.Store.Releases(ctx, service)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(r store.Release) bool { return r.Release.ID() == id })
	if i < 0 {
		return nil, fmt.Errorf("release %s of %s is not kept on this machine", id, service)
	}
	return keptOf(all[i])
}

func keptOf(r store.Release) (*Kept, error) {
	k := &Kept{Release: r.Release, Dir: r.Dir}
	if err := json.Unmarshal(r.Config, &k.Config); err != nil {
		return nil, fmt.Errorf("configuration of %s %s as it is kept: %w", r.Release.Service, r.Release.Version, err)
	}
	return k, nil
}

// collect frees the room of releases that nothing needs: not serving, not a known-good point of the last ones, not under way.
func (ro *rollout) collect(ctx context.Context) error {
	points, err := ro.Store.Points(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	var commits, releases []string
	for _, p := range points[:min(len(points), keepPoints)] {
		commits, releases = append(commits, p.Release.Commit), append(releases, p.Release.ID())
	}
	if serving, err := ro.Serving(ctx, ro.in.Service); err != nil {
		return err
	} else if serving != nil {
		commits, releases = append(commits, serving.Release.Commit), append(releases, serving.Release.ID())
	}
	if c, ok := ro.Runtime.(collector); ok && ro.in.Config.Kubernetes != nil {
		if err := c.Collect(ctx, *ro.in.Config.Kubernetes.place(), ro.in.Service, releases, ro.in.Config.Source.Keep); err != nil && ctx.Err() == nil {
			ro.warn(ctx, "what old releases have in the cluster is not removed", err) // the next rollout tries again
		}
	}
	return ro.Source(ro.in.Service, ro.in.Config).Collect(ctx, commits)
}

// keepPoints is how many known-good points stay on this machine with all that they need.
const keepPoints = 5

// recordFindings journals what was seen.
func (ro *rollout) recordFindings(ctx context.Context, findings []good.Finding) error {
	for _, f := range findings {
		if err := ro.record(ctx, "finding", f.String(), f); err != nil {
			return err
		}
	}
	return nil
}

// full is the weight of a release that has taken over.
func (ro *rollout) full() int { return traffic.Full }

const logLines = 400

// logs of both releases are kept with the run before instances end.
type keptLogs struct {
	New   []string `json:"new"`
	Old   []string `json:"old"`
	Hosts []string `json:"hosts,omitempty"`
}

func (ro *rollout) saveLogs(ctx context.Context) error {
	all, err := ro.Runtime.List(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	var logs keptLogs
	for _, in := range all {
		lines, err := ro.Runtime.Logs(ctx, in.ID, logLines)
		if err != nil {
			continue // a log that cannot be read is missing in the analysis; the way back goes on
		}
		if in.Release == ro.new.Release.ID() {
			logs.New = append(logs.New, lines...)
			logs.ran(ro.new.Release.Version, in.URL)
		} else if ro.old != nil && in.Release == ro.old.Release.ID() {
			logs.Old = append(logs.Old, lines...)
			logs.ran(ro.old.Release.Version, in.URL)
		}
	}
	return ro.Store.PutDocument(ctx, ro.r.ID(), "logs", logs)
}

// configOf is the configuration of a release as text that can be compared and shown; secrets are names in it.
func configOf(s Service) map[string]string {
	out := map[string]string{"run": s.Run, "instances": fmt.Sprint(s.Instances), "port": fmt.Sprint(s.Port), "memory": s.Memory.String(), "grace": s.Grace.String(), "build": fmt.Sprint(s.Source.Build)}
	if s.Hosts != nil {
		out["hosts"] = strings.Join(s.Hosts.names(), " ")
	}
	for name, v := range s.Env {
		out["env."+name] = v.String()
	}
	return out
}
