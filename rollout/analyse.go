package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout/analysis"
	"goodstate.dev/goodstate/rollout/samples"
)

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
		f.NewLogs, f.OldLogs, f.Hosts = logs.New, logs.Old, logs.Hosts
	}
	if err := ro.recorded(ctx, &f); err != nil {
		return err
	}
	if ro.in.Config.Traffic != nil {
		var err error
		if f.Seconds, err = ro.Router.Seconds(ctx, ro.in.Service, ro.in.At.Add(-2*time.Minute)); err != nil {
			f.Gaps = append(f.Gaps, "the router's counts could not be read: "+err.Error())
		}
		f.Failing = ro.failing(ctx)
		f.Failing = f.Failing[:min(len(f.Failing), failingShown)]
	}
	var err error
	if f.Users, err = ro.reported(ctx); err != nil {
		f.Gaps = append(f.Gaps, "what users reported could not be read: "+err.Error())
	}
	if ro.old != nil {
		f.Old = ro.old.Release
		if err := ro.differences(ctx, &f); err != nil {
			return err
		}
	}
	ro.keepSamples(ctx, func(k *samples.Kept) { k.Trigger = res.Trigger.At })
	return ro.Store.PutDocument(ctx, ro.r.ID(), "analysis", analysis.Write(f))
}

const failingShown = 50

// recorded reads what the journal has of this run: the time line, what failed, what the schema needed, and what others saw.
func (ro *rollout) recorded(ctx context.Context, f *analysis.Facts) error {
	entries, err := ro.Journal.List(ctx, journal.Filter{Run: ro.r.ID(), Limit: 10_000})
	if err != nil {
		return err
	}
	for _, e := range entries {
		var found good.Finding
		var seen analysis.Evidence
		switch {
		case (e.Event == analysis.EvidenceEvent || e.Event == alertEvent) && json.Unmarshal(e.Data, &seen) == nil:
			f.Evidence = append(f.Evidence, seen)
		case e.Event == "finding" && json.Unmarshal(e.Data, &found) == nil && found.Verdict == good.Fail && found.At.Before(f.Trigger.At.Add(time.Second)):
			f.Failed = append(f.Failed, found)
		case e.Event == "schema":
			f.Schema = append(f.Schema, e.Text)
		}
		if len(f.Events) < eventsMost {
			f.Events = append(f.Events, analysis.Event{At: e.At, Name: e.Event, Text: e.Text, By: e.Actor})
		}
	}
	return nil
}

const eventsMost = 1000

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
		f.Gaps = append(f.Gaps, "what changed could not be read: "+err.Error())
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
			f.Others = append(f.Others, analysis.Other{Run: o.ID, Kind: o.Kind, Target: o.Target, Who: o.Who, State: string(o.State), Started: o.Started, Ended: o.Ended})
		}
	}
	return nil
}

// hostOf is the machine that an instance listens on; one that listens on loopback is on this one.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost") {
		if name, err := os.Hostname(); err == nil {
			return name
		}
	}
	return u.Hostname()
}

// ran notes on which hosts the instances of a release ran.
func (l *keptLogs) ran(version, address string) {
	if host := hostOf(address); host != "" {
		if line := fmt.Sprintf("%s ran on %s", version, host); !slices.Contains(l.Hosts, line) {
			l.Hosts = append(l.Hosts, line)
		}
	}
}
