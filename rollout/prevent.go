package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/rollout/analysis"
	"goodstate.dev/goodstate/rollout/prevent"
	"goodstate.dev/goodstate/rollout/samples"
)

// goodWeek is how far back good times are looked for.
const (
	goodWeek = 8 * 24 * time.Hour
	goodMost = 300 // rollouts, and hours of ordinary days
)

// Prevent proposes what would have found the incident of a rollout earlier, each measure tried on what was recorded.
func (s *Rollouts) Prevent(ctx context.Context, run string) (prevent.Proposal, error) {
	info, err := s.Engine.Get(ctx, run)
	if err != nil {
		return prevent.Proposal{}, err
	}
	if info.Kind != Kind {
		return prevent.Proposal{}, fmt.Errorf("run %s is a %s, and only a rollout has an incident to prevent", run, info.Kind)
	}
	in, err := inputOf(info)
	if err != nil {
		return prevent.Proposal{}, err
	}
	conf, err := s.service(in.Service)
	if err != nil {
		return prevent.Proposal{}, err
	}
	var report analysis.Report
	if err := s.Store.Document(ctx, run, "analysis", &report); err != nil {
		return prevent.Proposal{}, fmt.Errorf("%w: only a rollout that was taken back has one", err)
	}
	dir := samples.Folder(s.Store.Dir())
	incident := prevent.Incident{Service: in.Service, Stage: report.Trigger.Stage, Failed: report.Trigger.Findings, Limits: conf.Judge.Limits, Checks: checksOf(conf)}
	if s.Jobs != nil {
		incident.Hooks = s.Jobs()
	}
	if conf.Traffic != nil {
		if incident.Samples, err = samples.Read(dir, run); err != nil {
			return prevent.Proposal{}, err
		}
		if incident.Good, err = samples.Good(dir, in.Service, time.Now().Add(-goodWeek), goodMost); err != nil {
			return prevent.Proposal{}, err
		}
	}
	p := prevent.Propose(incident)
	p.Run = run
	return p, nil
}

func checksOf(conf Service) []prevent.Check {
	var out []prevent.Check
	for name, spec := range conf.Checks.All() {
		c := prevent.Check{Name: name, Kind: spec.Name(), Start: slices.Contains(conf.checksOn(AtStart), name)}
		var with struct {
			Run string `json:"run"`
		}
		if (c.Kind == "command" || c.Kind == "test") && json.Unmarshal(spec.Settings, &with) == nil {
			c.Command = with.Run
		}
		out = append(out, c)
	}
	return out
}
