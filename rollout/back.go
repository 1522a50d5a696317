package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

// leave is a rollback that a person asked for when no rollout was under way.
func (ro *rollout) leave() (Result, error) {
	if err := ro.pauseSync(); err != nil {
		return Result{}, err
	}
	ro.weight, ro.stage = traffic.Full, len(ro.stages)-1
	t, err := do(ro, "asked", fmt.Sprintf("%s asks to go back from %s to %s: %s", ro.r.Who(), ro.in.Release.Version, ro.oldName(), ro.r.Why()), func(ctx context.Context) (Trigger, error) {
		kept, err := ro.kept(ctx, ro.in.Service, ro.in.Release.ID())
		if err != nil {
			return Trigger{}, err
		}
		ro.new = *kept
		return Trigger{At: time.Now(), By: ro.r.Who(), Stage: "serving", Why: ro.r.Why(), Weight: traffic.Full}, nil
	})
	if err != nil {
		return Result{}, err
	}
	return ro.back(&t)
}

// back brings the service to the old release again, proves that it is well, and holds the new one. Every part is a step
// that may run twice; a part that fails does not keep the others from being tried.
func (ro *rollout) back(t *Trigger) (Result, error) {
	res := ro.result(RolledBack, t.Why)
	res.Trigger = t
	if err := ro.announce(t); err != nil {
		return res, err
	}
	if ro.old == nil {
		return ro.nowhere(res)
	}
	var broken []string
	ready, err := ro.readyOld()
	if err != nil {
		return res, err
	}
	if !ready.sure() && ro.weight > 0 && !onlyLost(ready) {
		return ro.stuck(res, ready)
	}
	if !ready.sure() {
		broken = append(broken, ready.why())
	}
	gone, problem, err := ro.withdraw()
	if err != nil {
		return res, err
	}
	if problem != "" {
		broken = append(broken, problem)
	}
	problem, err = ro.schemaBack(&res)
	if err != nil {
		return res, err
	}
	if problem != "" {
		broken = append(broken, problem)
	}
	after, err := ro.revalidate()
	if err != nil {
		return res, err
	}
	res.Findings = append(slices.Clone(res.Schema), after.Findings...)
	res.Revalidated = good.Overall(res.Findings)
	if len(broken) > 0 {
		res.Outcome, res.Why = Incomplete, res.Why+"; on the way back: "+fmt.Sprint(broken)
	} else if res.Revalidated == good.Fail {
		res.Outcome = Incomplete
	}
	return ro.close(res, gone)
}

// announce journals the trigger before anything is undone, and tells people.
func (ro *rollout) announce(t *Trigger) error {
	_, err := do(ro, "trigger", fmt.Sprintf("%s is taken back: %s", ro.new.Release.Version, t.Why), func(ctx context.Context) (bool, error) {
		if err := ro.record(ctx, "trigger-evidence", fmt.Sprintf("seen by %s in %s", t.By, t.Stage), t); err != nil {
			return false, err
		}
		title := fmt.Sprintf("%s: %s is being rolled back", ro.in.Service, ro.new.Release.Version)
		return true, ro.tell(ctx, "triggered", notify.Critical, title, t.Why, t)
	})
	return err
}

// readyOld makes sure that the old release can take all traffic again: its instances run and are healthy, started from what
// is kept on this machine, so neither Git nor a network is needed.
func (ro *rollout) readyOld() (looked, error) {
	k := *ro.old
	return do(ro, "ready-old", fmt.Sprintf("make sure that all %d instances of %s can serve", k.Config.Instances, k.Release.Version), func(ctx context.Context) (looked, error) {
		if err := ro.intact(ctx, &k); err != nil {
			if ctx.Err() != nil {
				return looked{}, ctx.Err()
			}
			return looked{Broken: err.Error(), At: time.Now()}, nil
		}
		findings, err := ro.start(ctx, k, k.Config.Instances)
		if ctx.Err() != nil {
			return looked{}, ctx.Err()
		}
		if err != nil {
			return looked{Broken: err.Error(), Findings: findings, At: time.Now()}, nil
		}
		return looked{Findings: findings, At: time.Now()}, ro.recordFindings(ctx, findings)
	})
}

// intact makes sure that the kept folder of a release is what was built; a damaged one is built again from the local copy of
// its repository.
func (ro *rollout) intact(ctx context.Context, k *Kept) error {
	src := ro.Source(k.Release.Service, k.Config)
	if src.Verify(ctx, k.Release) == nil {
		return nil
	}
	dir, release, err := src.Build(ctx, k.Release)
	if err != nil {
		return fmt.Errorf("%s is not kept on this machine any more and could not be built again: %w", k.Release.Version, err)
	}
	if release.Artifact != k.Release.Artifact {
		if err := ro.record(ctx, "rebuilt", fmt.Sprintf("%s was built again and is not the same to the byte", k.Release.Version), release); err != nil {
			return err
		}
	}
	k.Dir = dir
	return nil
}

// withdraw takes the traffic back, by the strategy's way, and then ends the new instances.
func (ro *rollout) withdraw() (gone time.Time, problem string, err error) {
	way := ro.strategy.Back(ro.stages, ro.stage)
	for i, stage := range way {
		l, err := do(ro, fmt.Sprintf("back-%d", i), fmt.Sprintf("way back: %s of the traffic stays on %s", percent(stage.Weight), ro.new.Release.Version), func(ctx context.Context) (looked, error) {
			if err := ro.backTo(ctx, stage); err != nil {
				if ctx.Err() != nil {
					return looked{}, ctx.Err()
				}
				return looked{Broken: err.Error(), At: time.Now()}, nil
			}
			return looked{At: time.Now()}, nil
		})
		if err != nil {
			return gone, "", err
		}
		if l.Broken != "" {
			problem = l.Broken
		}
		gone = l.At
		ro.weight = stage.Weight
	}
	logs, err := do(ro, "stop-new", fmt.Sprintf("end the instances of %s", ro.new.Release.Version), func(ctx context.Context) (string, error) {
		if err := ro.saveLogs(ctx); err != nil {
			return err.Error(), ctx.Err()
		}
		if err := ro.stopFrom(ctx, ro.new, 0); err != nil {
			return err.Error(), ctx.Err()
		}
		return "", ro.serve(ctx, *ro.old)
	})
	if logs != "" {
		problem = logs
	}
	return gone, problem, err
}

// backTo applies one stage of the way back.
func (ro *rollout) backTo(ctx context.Context, stage strategy.Stage) error {
	if err := ro.apply(ctx, stage.Weight, stage.New, ro.old.Config.Instances); err != nil {
		return err
	}
	if stage.Hold <= 0 {
		return nil
	}
	_, _, err := ro.r.Await(ctx, ro.signal, stage.Hold)
	return err
}

// revalidate runs again what can say that users are well: the tests, the health checks, and the metrics until they are back.
func (ro *rollout) revalidate() (looked, error) {
	k := *ro.old
	return do(ro, "revalidate", fmt.Sprintf("check %s again: its tests, health and metrics", k.Release.Version), func(ctx context.Context) (looked, error) {
		findings := ro.checkInstances(ctx, k, k.Config.Instances, "")
		findings = append(findings, ro.checkPublic(ctx, k, "")...)
		if k.Config.Traffic.counted() {
			findings = append(findings, ro.recovered(ctx))
		}
		if ctx.Err() != nil {
			return looked{}, ctx.Err()
		}
		return looked{Findings: findings, At: time.Now()}, ro.recordFindings(ctx, findings)
	})
}

// close holds the release, writes the analysis and tells people how it ended.
func (ro *rollout) close(res Result, gone time.Time) (Result, error) {
	res.Held = ro.new.Release.Version
	if points, err := do(ro, "hold", fmt.Sprintf("%s is held until a person lets it go", ro.new.Release.Version), func(ctx context.Context) (string, error) {
		return ro.quarantine(ctx, res)
	}); err != nil {
		return res, err
	} else if points != "" {
		res.Point = points
	}
	return do(ro, "analysis", "write the analysis", func(ctx context.Context) (Result, error) {
		if err := ro.analyse(ctx, res, gone); err != nil {
			return res, err
		}
		severity, title := notify.Warning, fmt.Sprintf("%s: back on %s, %s is held", ro.in.Service, ro.oldName(), res.Held)
		if res.Outcome == Incomplete {
			severity, title = notify.Critical, fmt.Sprintf("%s: the rollback of %s needs a person", ro.in.Service, res.Held)
		}
		return res, errors.Join(ro.collect(ctx), ro.tell(ctx, "rolled_back", severity, title, res.Why, res))
	})
}

// quarantine holds the new release and names the known-good point that is in force again.
func (ro *rollout) quarantine(ctx context.Context, res Result) (string, error) {
	rel := ro.new.Release
	who := res.Trigger.By
	err := ro.Store.PutHold(ctx, store.Hold{
		Service: rel.Service, Release: rel.ID(), Version: rel.Version, Commit: rel.Commit, Why: res.Trigger.Why, Who: who, Run: ro.r.ID(), At: time.Now(),
	})
	if err == nil {
		err = ro.markHeld(ctx, res)
	}
	if err != nil || ro.old == nil {
		return "", err
	}
	points, err := ro.Store.Points(ctx, rel.Service)
	if err != nil {
		return "", err
	}
	for _, p := range points {
		if p.Release.ID() == ro.old.Release.ID() {
			return p.ID, nil
		}
	}
	return "", nil
}

// nowhere ends the way back of a first release: with users on it, it is better than nothing; without, it is ended.
func (ro *rollout) nowhere(res Result) (Result, error) {
	res.Outcome = CouldNot
	if ro.weight > 0 {
		res.Outcome = Incomplete
		res.Why += "; there is no earlier release to go back to, so it is left serving"
		return ro.close(res, time.Time{})
	}
	_, err := do(ro, "stop-new", fmt.Sprintf("end the instances of %s: it is the first release and users have not seen it", ro.new.Release.Version), func(ctx context.Context) (bool, error) {
		if err := ro.saveLogs(ctx); err != nil {
			return false, err
		}
		return true, ro.stopFrom(ctx, ro.new, 0)
	})
	if err != nil {
		return res, err
	}
	problem, err := ro.schemaBack(&res)
	if err != nil {
		return res, err
	}
	if problem != "" {
		res.Outcome, res.Why = Incomplete, res.Why+"; the database: "+problem
		return ro.close(res, time.Time{})
	}
	return ro.couldNot(res.Why, res.Trigger.Findings)
}

// stuck ends a way back whose target cannot serve: moving users there would be worse. Traffic stays as it is, and people are
// called.
func (ro *rollout) stuck(res Result, ready looked) (Result, error) {
	res.Outcome, res.Findings = Incomplete, ready.Findings
	res.Why += fmt.Sprintf("; %s cannot take the traffic back (%s), so it stays where it is", ro.oldName(), ready.why())
	return ro.close(res, time.Time{})
}
