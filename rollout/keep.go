package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/analysis"
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
	var commits []string
	for _, p := range points[:min(len(points), keepPoints)] {
		commits = append(commits, p.Release.Commit)
	}
	if serving, err := ro.Serving(ctx, ro.in.Service); err != nil {
		return err
	} else if serving != nil {
		commits = append(commits, serving.Release.Commit)
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

// evidence is what a known-good point rests on: the judge's conclusion and the last look at everything.
func (ro *rollout) evidence() []good.Finding {
	if ro.eyes == nil || ro.eyes.router == nil {
		return nil
	}
	return []good.Finding{ro.eyes.judge.Conclude()}
}

// full is the weight of a release that has taken over.
func (ro *rollout) full() int { return traffic.Full }

const logLines = 400

// logs of both releases are kept with the run before instances end.
type keptLogs struct {
	New []string `json:"new"`
	Old []string `json:"old"`
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
		} else if ro.old != nil && in.Release == ro.old.Release.ID() {
			logs.Old = append(logs.Old, lines...)
		}
	}
	return ro.Store.PutDocument(ctx, ro.r.ID(), "logs", logs)
}

// analyse writes the report of this rollback and keeps it with the run.
func (ro *rollout) analyse(ctx context.Context, res Result, gone time.Time) error {
	f := analysis.Facts{
		Run: ro.r.ID(), Service: ro.in.Service, Strategy: ro.strategyName(), Who: ro.r.Who(), Why: ro.r.Why(), Started: ro.in.At,
		New: ro.new.Release, Shifted: ro.shifted, Back: gone, Verdict: res.Revalidated, Findings: res.Findings,
		Trigger: analysis.Trigger{At: res.Trigger.At, By: res.Trigger.By, Stage: res.Trigger.Stage, Why: res.Trigger.Why, Weight: res.Trigger.Weight, Findings: res.Trigger.Findings},
	}
	if ro.in.Back {
		f.Shifted = ro.in.At
	}
	var logs keptLogs
	if err := ro.Store.Document(ctx, ro.r.ID(), "logs", &logs); err == nil {
		f.NewLogs, f.OldLogs = logs.New, logs.Old
	}
	entries, err := ro.Journal.List(ctx, journal.Filter{Run: ro.r.ID(), Limit: 1000})
	if err != nil {
		return err
	}
	for _, e := range entries {
		f.Events = append(f.Events, analysis.Event{At: e.At, Name: e.Event, Text: e.Text, By: e.Actor})
	}
	if ro.in.Config.Traffic != nil {
		if f.Seconds, err = ro.Router.Seconds(ctx, ro.in.Service, ro.in.At.Add(-2*time.Minute)); err != nil {
			f.Others = append(f.Others, "the router's counts could not be read: "+err.Error())
		}
	}
	if f.Users, err = ro.reported(ctx); err != nil {
		f.Others = append(f.Others, "what users reported could not be read: "+err.Error())
	}
	if ro.old != nil {
		f.Old = ro.old.Release
		if err := ro.differences(ctx, &f); err != nil {
			return err
		}
	}
	return ro.Store.PutDocument(ctx, ro.r.ID(), "analysis", analysis.Write(f))
}

func (ro *rollout) strategyName() string {
	if name := ro.in.Config.Strategy.Name(); name != "" {
		return name
	}
	return "canary"
}

// differences are what changed between the two releases, and what else went on.
func (ro *rollout) differences(ctx context.Context, f *analysis.Facts) error {
	commits, files, err := ro.Source(ro.in.Service, ro.in.Config).Changes(ctx, ro.old.Release, ro.new.Release)
	if err != nil {
		f.Others = append(f.Others, "what changed could not be read: "+err.Error())
	}
	for _, c := range commits {
		f.Commits = append(f.Commits, analysis.Commit(c))
	}
	for _, c := range files {
		f.Files = append(f.Files, analysis.File(c))
	}
	f.Config = analysis.Differences(configOf(ro.old.Config), configOf(ro.new.Config))
	others, err := ro.Engine.List(ctx, run.Filter{Limit: 50})
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.ID != ro.r.ID() && o.Started.After(ro.in.At.Add(-time.Hour)) {
			f.Others = append(f.Others, fmt.Sprintf("%s %s of %s by %s: %s", o.Started.Local().Format("15:04:05"), o.Kind, o.Target, o.Who, o.State))
		}
	}
	return nil
}

// configOf is the configuration of a release as text that can be compared and shown; secrets are names in it.
func configOf(s Service) map[string]string {
	out := map[string]string{"run": s.Run, "instances": fmt.Sprint(s.Instances), "port": fmt.Sprint(s.Port), "memory": s.Memory.String(), "grace": s.Grace.String(), "build": fmt.Sprint(s.Source.Build)}
	for name, v := range s.Env {
		out["env."+name] = v.String()
	}
	return out
}
