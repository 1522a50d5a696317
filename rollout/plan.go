package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/analysis"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Plan is what a deployment or a rollback would do, said before it does it.
type Plan struct {
	Service   string            `json:"service"`
	Back      bool              `json:"back"`
	Release   good.Release      `json:"release"` // to be released; of a rollback: to be left
	Old       *good.Release     `json:"old,omitempty"`
	Strategy  string            `json:"strategy"`
	Stages    []strategy.Stage  `json:"stages,omitempty"`
	Checks    []string          `json:"checks,omitempty"`
	Limits    []string          `json:"limits,omitempty"`
	Commits   []analysis.Commit `json:"commits,omitempty"`
	Files     []analysis.File   `json:"files,omitempty"`
	FileDiffs []FileDiff        `json:"file_diffs,omitempty"` // of the configuration; secrets are names
	Config    []analysis.Change `json:"config,omitempty"`
	Steps     []string          `json:"steps"`             // in words, in order
	Refused   string            `json:"refused,omitempty"` // why it would not be started
	Notes     []string          `json:"notes,omitempty"`
	Command   string            `json:"command"` // the equal command line
}

// PlanDeploy says what releasing the version would do. It changes nothing.
func (s *Rollouts) PlanDeploy(ctx context.Context, service, version string) (Plan, error) {
	in, err := s.prepare(ctx, service, version)
	if err != nil {
		return Plan{}, err
	}
	strat, err := in.Config.steps()
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Service: service, Release: in.Release, Stages: stagesFor(strat, in), Checks: in.Config.Checks.Keys(),
		Strategy: in.Config.Strategy.Name(), Command: fmt.Sprintf("goodstate deploy %s %s", service, version),
	}
	if p.Strategy == "" {
		p.Strategy = "canary"
	}
	for _, l := range in.Config.Judge.Limits {
		p.Limits = append(p.Limits, l.String())
	}
	if err := s.refuseHeld(ctx, in); err != nil {
		p.Refused = err.Error()
	}
	if in.Old != nil {
		old := in.Old.Release
		p.Old = &old
		s.planDifferences(ctx, in, &p)
		if err := refuseSame(in); err != nil && p.Refused == "" {
			p.Refused = err.Error()
		}
	} else {
		p.Notes = append(p.Notes, "it is the first release: there is nothing to compare it with and nothing to go back to")
	}
	if in.Config.Mode == "observe" {
		p.Notes = append(p.Notes, "mode is observe: what would be taken back is only recorded")
	}
	if h := in.Config.Hosts; h != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("it runs on %d hosts: %s", len(h.Places), strings.Join(h.names(), ", ")))
	}
	if k := in.Config.Kubernetes; k != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("it runs as pods in %s, made from %s", k.place().Name, k.Manifest))
	}
	if blind := in.Config.Traffic.Blind(); blind != "" {
		p.Notes = append(p.Notes, blind)
	}
	p.Steps = deploySteps(in, p.Stages)
	if a := in.Config.Approve; a != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("waits up to %s for the approval of %s before %s", a.Within, a.By, strings.Join(a.Before, " and ")))
	}
	return p, errors.Join(s.planFiles(ctx, in, &p), s.planSchema(ctx, in, &p))
}

func (s *Rollouts) planDifferences(ctx context.Context, in Input, p *Plan) {
	commits, files, err := s.Source(in.Service, in.Config).Changes(ctx, in.Old.Release, in.Release)
	if err != nil {
		p.Notes = append(p.Notes, "what changed could not be read: "+err.Error())
	}
	for _, c := range commits {
		p.Commits = append(p.Commits, analysis.Commit(c))
	}
	for _, f := range files {
		p.Files = append(p.Files, analysis.File(f))
	}
	p.Config = analysis.Differences(configOf(in.Old.Config), configOf(in.Config))
}

func deploySteps(in Input, stages []strategy.Stage) []string {
	steps := []string{fmt.Sprintf("build %s at commit %s", in.Release.Version, in.Release.Commit[:min(10, len(in.Release.Commit))])}
	was := 0
	for _, st := range stages {
		if st.New > was {
			steps = append(steps, fmt.Sprintf("start instances up to %d of %d, wait up to %s for health, run its tests", st.New, in.Config.Instances, in.Config.Start))
			was = st.New
		}
		steps = append(steps, fmt.Sprintf("%s: %s of the traffic to %s, judge for %s", st.Name, percent(st.Weight), in.Release.Version, st.Hold))
	}
	if in.Old == nil {
		return append(steps, "promote, watch for "+in.Config.Watch.String()+", record the known-good point")
	}
	return append(steps,
		fmt.Sprintf("promote; %s stays ready while %s is watched for %s", in.Old.Release.Version, in.Release.Version, in.Config.Watch),
		fmt.Sprintf("stop %s, record the known-good point", in.Old.Release.Version),
		fmt.Sprintf("at the first sign that it is bad: traffic back to %s, check again, hold %s", in.Old.Release.Version, in.Release.Version))
}

// PlanRollback says what going back would do: of the rollout under way, or of the release that serves.
func (s *Rollouts) PlanRollback(ctx context.Context, service, point string) (Plan, error) {
	active, ok, err := s.Active(ctx, service)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Service: service, Back: true, Command: "goodstate rollback " + service}
	var in Input
	if ok {
		if in, err = inputOf(active); err != nil {
			return Plan{}, err
		}
		p.Notes = append(p.Notes, fmt.Sprintf("rollout %s is under way and turns around: %s", active.ID, active.Note))
		if in.Old == nil {
			p.Release = in.Release
			p.Steps = []string{
				"it is the first release of " + service + ", there is none to go back to: with users on it it is left serving, without it is ended",
				fmt.Sprintf("hold %s where users met it, tell people", in.Release.Version),
			}
			return p, nil
		}
	} else if in, err = s.prepareBack(ctx, service, point); err != nil {
		var refused *NoWayError
		if !errors.As(err, &refused) {
			return Plan{}, err
		}
		p.Refused, p.Notes = err.Error(), append(p.Notes, refused.Hint())
		return p, nil
	}
	if point != "" {
		p.Command += " --to " + point
	}
	old := in.Old.Release
	p.Release, p.Old = in.Release, &old
	p.Config = analysis.Differences(configOf(in.Config), configOf(in.Old.Config))
	if p.FileDiffs, err = differ(&Kept{Release: in.Release, Config: in.Config, Dir: s.dirOf(ctx, in)}, *in.Old); err != nil {
		p.Notes = append(p.Notes, "how the files differ is not known: "+err.Error())
	}
	p.Steps = []string{
		fmt.Sprintf("make sure that all %d instances of %s run and are healthy, from what is kept on this machine", in.Old.Config.Instances, old.Version),
		fmt.Sprintf("all traffic from %s to %s", in.Release.Version, old.Version),
		fmt.Sprintf("let %s finish its requests, then end its instances", in.Release.Version),
		fmt.Sprintf("run the tests and health checks of %s, watch its metrics for up to %s", old.Version, in.Old.Config.Recover),
		fmt.Sprintf("hold %s until a person lets it go, write the analysis, tell people", in.Release.Version),
	}
	return p, s.planSchemaBack(ctx, in, ok, &p)
}

// State is how one service is now.
type State struct {
	Service   string         `json:"service"`
	Serving   *good.Release  `json:"serving,omitempty"`
	Since     time.Time      `json:"since,omitzero"`
	Good      *good.Point    `json:"known_good,omitempty"`
	Active    *Active        `json:"rollout,omitempty"`
	Last      *LastRollout   `json:"last_rollout,omitempty"`
	Instances []InstanceLine `json:"instances"`
	Held      []HeldLine     `json:"held,omitempty"`
	Weights   map[string]int `json:"weights,omitempty"`
	URL       string         `json:"url,omitempty"`
	Problem   string         `json:"problem,omitempty"` // in words, when something is wrong now
	Recent    *Recent        `json:"recent,omitempty"`
}

// Recent is what users got in the last minute.
type Recent struct {
	Requests int64         `json:"requests"`
	Errors   int64         `json:"errors"`
	P90      time.Duration `json:"p90_ns"`
}

// Active names the rollout under way.
type Active struct {
	Run     string    `json:"run"`
	Version string    `json:"version"`
	Note    string    `json:"note"`
	Who     string    `json:"who"`
	Since   time.Time `json:"since"`
}

// LastRollout is how the newest finished rollout ended.
type LastRollout struct {
	Run     string    `json:"run"`
	Version string    `json:"version"`
	Outcome Outcome   `json:"outcome"`
	Why     string    `json:"why"`
	Ended   time.Time `json:"ended"`
}

// InstanceLine is one instance of a service.
type InstanceLine struct {
	ID       string `json:"id"`
	Release  string `json:"release"`
	State    string `json:"state"`
	URL      string `json:"url"`
	PID      int    `json:"pid,omitempty"`
	Host     string `json:"host,omitempty"`
	Restarts int    `json:"restarts"`
	Exit     string `json:"exit,omitempty"`
	RSS      int64  `json:"rss,omitempty"`
}

// HeldLine is one release that may not be released.
type HeldLine struct {
	Version string    `json:"version"`
	Commit  string    `json:"commit"`
	Why     string    `json:"why"`
	Who     string    `json:"who"`
	Since   time.Time `json:"since"`
	Run     string    `json:"run,omitempty"`
}

// recentOf sums up the last minute of a service.
func recentOf(seconds []traffic.Second) *Recent {
	r := &Recent{}
	latency := traffic.Histogram{}
	for _, s := range seconds {
		r.Requests += s.Requests
		r.Errors += s.Errors
		latency.Add(s.Latency)
	}
	if b, ok := latency.Quantile(0.9); ok {
		r.P90 = traffic.BucketLimit(b)
	}
	return r
}

// dirOf is the folder of the release that is to be left, as it is kept.
func (s *Rollouts) dirOf(ctx context.Context, in Input) string {
	k, err := s.kept(ctx, in.Service, in.Release.ID())
	if err != nil {
		return ""
	}
	return k.Dir
}
