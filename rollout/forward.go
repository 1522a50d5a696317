package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout/samples"
	"goodstate.dev/goodstate/rollout/strategy"
)

// looked is the outcome of a step that looks at the release: what was seen, and whether the machine could do it at all.
type looked struct {
	Findings []good.Finding `json:"findings"`
	Broken   string         `json:"broken,omitempty"` // the step itself could not be done: build failed, port taken
	At       time.Time      `json:"at"`
}

// bad says that the step could not be done, or that something that was looked at failed.
func (l looked) bad() bool { return l.Broken != "" || good.Overall(l.Findings) == good.Fail }

// sure says that all that was looked at is as wanted. What is neither bad nor sure is unknown, and a person is asked.
func (l looked) sure() bool { return l.Broken == "" && good.Overall(l.Findings) == good.Pass }

func (l looked) why() string {
	if l.Broken != "" {
		return l.Broken
	}
	for _, want := range []good.Verdict{good.Fail, good.Unknown} {
		for _, f := range l.Findings {
			if f.Verdict == want {
				return f.String()
			}
		}
	}
	return ""
}

// forward walks the stages up to promotion; the first thing that is bad turns it around.
func (ro *rollout) forward() (Result, error) {
	built, err := ro.build()
	if err != nil {
		return Result{}, err
	}
	if built.Broken != "" {
		return ro.couldNot(built.Broken, nil)
	}
	trigger, err := ro.agree("approve-start", beforeStart, fmt.Sprintf("release %s of %s", ro.in.Release.Version, ro.in.Service))
	switch {
	case err != nil:
		return Result{}, err
	case trigger != nil:
		return ro.couldNot(trigger.Why, trigger.Findings)
	}
	if unusable, err := ro.lookAtHosts(); err != nil || unusable.Broken != "" {
		if err != nil {
			return Result{}, err
		}
		return ro.couldNot(unusable.Broken, nil)
	}
	if err := ro.pauseSync(); err != nil {
		return Result{}, err
	}
	refused, trigger, err := ro.expand()
	switch {
	case trigger != nil || err != nil:
		return ro.turn(trigger, err)
	case refused != "":
		return ro.couldNot(refused, nil)
	}
	for i := range ro.stages {
		trigger, err := ro.agree(fmt.Sprintf("approve-%d", i), before(ro.stages[i].Weight), fmt.Sprintf("%s of the traffic to %s", percent(ro.stages[i].Weight), ro.new.Release.Version))
		if err == nil && trigger == nil {
			trigger, err = ro.enter(i)
		}
		if err != nil {
			return Result{}, err
		}
		if trigger == nil {
			trigger, err = ro.judge(fmt.Sprintf("judge-%d", i), ro.stages[i].Name, ro.stages[i].Hold, ro.stages[i].Compare)
		}
		if trigger != nil || err != nil {
			return ro.turn(trigger, err)
		}
	}
	trigger, err = ro.test()
	if trigger != nil || err != nil {
		return ro.turn(trigger, err)
	}
	trigger, err = ro.agree("approve-promote", beforePromote, fmt.Sprintf("promote %s of %s", ro.new.Release.Version, ro.in.Service))
	if trigger != nil || err != nil {
		return ro.turn(trigger, err)
	}
	if err := ro.promote(); err != nil {
		return Result{}, err
	}
	trigger, err = ro.judge("watch", "watch after promotion", time.Duration(ro.in.Config.Watch), false)
	if trigger != nil || err != nil {
		return ro.turn(trigger, err)
	}
	return ro.settle()
}

func (ro *rollout) turn(t *Trigger, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	return ro.back(t)
}

// build makes the folder of the new release; the old release is not touched by it.
func (ro *rollout) build() (looked, error) {
	type built struct {
		looked
		Kept Kept `json:"kept"`
	}
	rel := ro.in.Release
	from := "the first release"
	if ro.old != nil {
		from = "from " + ro.old.Release.Version
	}
	out, err := do(ro, "build", fmt.Sprintf("release %s %s, %s: build", rel.Service, rel.Version, from), func(ctx context.Context) (built, error) {
		err := ro.tell(ctx, "started", notify.Info, fmt.Sprintf("%s: release of %s started", rel.Service, rel.Version), ro.r.Why(), nil)
		if err != nil {
			return built{}, err
		}
		dir, done, err := ro.Source(rel.Service, ro.in.Config).Build(ctx, rel)
		if ctx.Err() != nil {
			return built{}, ctx.Err()
		}
		if err != nil {
			return built{looked: looked{Broken: err.Error(), At: time.Now()}}, nil
		}
		kept := Kept{Release: done, Config: ro.in.Config, Dir: dir}
		if err := ro.lookAtManifest(ctx, kept); err != nil {
			return built{looked: looked{Broken: err.Error(), At: time.Now()}}, ctx.Err()
		}
		return built{Kept: kept, looked: looked{At: time.Now()}}, ro.keep(ctx, kept, store.Built)
	})
	if err == nil && out.Broken == "" {
		ro.new = out.Kept
	}
	return out.looked, err
}

// couldNot ends a rollout that released nothing.
func (ro *rollout) couldNot(why string, findings []good.Finding) (Result, error) {
	res := ro.result(CouldNot, why)
	res.Findings = findings
	return do(ro, "could-not", "not released: "+why, func(ctx context.Context) (Result, error) {
		ro.letSync(ctx, false)
		return res, ro.tell(ctx, "could_not", notify.Warning, fmt.Sprintf("%s: %s was not released", ro.in.Service, ro.new.Release.Version), why, res)
	})
}

// enter brings the rollout into a stage: instances first, then their tests, then traffic, and only then less of the old.
func (ro *rollout) enter(i int) (*Trigger, error) {
	stage := ro.stages[i]
	was := strategy.Stage{}
	if ro.old != nil {
		was.Old = ro.old.Config.Instances
	}
	if i > 0 {
		was = ro.stages[i-1]
	}
	name := stage.Name
	if stage.OldFirst && stage.Old < was.Old {
		if err := ro.shrinkOld(fmt.Sprintf("make-room-%d", i), stage.Old, was.New); err != nil {
			return nil, err
		}
	}
	if stage.New > was.New {
		t, err := ro.until(fmt.Sprintf("start-%d", i), "start", name, func(step string) (looked, error) { return ro.bringUp(step, stage.New) })
		if t != nil || err != nil {
			return t, err
		}
	}
	moved, err := do(ro, fmt.Sprintf("shift-%d", i), fmt.Sprintf("%s: %s of the traffic to %s", name, percent(stage.Weight), ro.new.Release.Version), func(ctx context.Context) (looked, error) {
		if err := ro.apply(ctx, stage.Weight, stage.New, stage.Old); err != nil {
			if ctx.Err() != nil {
				return looked{}, ctx.Err()
			}
			return looked{Broken: err.Error(), At: time.Now()}, nil
		}
		return looked{At: time.Now()}, nil
	})
	if err != nil {
		return nil, err
	}
	if moved.Broken != "" {
		return ro.triggerOf(moved, "traffic", name), nil
	}
	ro.stage, ro.weight = i, stage.Weight
	if ro.shifted.IsZero() && stage.Weight > 0 {
		ro.shifted = moved.At
	}
	if !stage.OldFirst && stage.Old < was.Old {
		return nil, ro.shrinkOld(fmt.Sprintf("stop-old-%d", i), stage.Old, stage.New)
	}
	return nil, nil
}

// shrinkOld takes instances of the old release out of the route, lets them finish and ends them.
func (ro *rollout) shrinkOld(step string, left, newUp int) error {
	_, err := do(ro, step, fmt.Sprintf("%d of %d instances stay on %s", left, ro.old.Config.Instances, ro.old.Release.Version), func(ctx context.Context) (bool, error) {
		weight := ro.weight
		if left == 0 && newUp > 0 { // the last ones make room: nobody may be sent to them any more
			weight = ro.full()
		}
		if err := ro.apply(ctx, weight, newUp, left); err != nil {
			return false, err
		}
		return true, ro.stopFrom(ctx, *ro.old, left)
	})
	return err
}

// bringUp starts instances of the new release and runs its tests against them before any user meets it.
func (ro *rollout) bringUp(step string, n int) (looked, error) {
	return do(ro, step, fmt.Sprintf("start %d of %d instances of %s, wait for health, run its tests", n, ro.in.Config.Instances, ro.new.Release.Version), func(ctx context.Context) (looked, error) {
		findings, err := ro.start(ctx, ro.new, n)
		if ctx.Err() != nil {
			return looked{}, ctx.Err()
		}
		if err != nil {
			return looked{Broken: err.Error(), At: time.Now()}, nil
		}
		if good.Overall(findings) == good.Pass {
			findings = append(findings, ro.checkInstances(ctx, ro.new, n, AtStart)...)
		}
		if ctx.Err() != nil {
			return looked{}, ctx.Err()
		}
		return looked{Findings: findings, At: time.Now()}, ro.recordFindings(ctx, findings)
	})
}

func (ro *rollout) triggerOf(l looked, by, stage string) *Trigger {
	return &Trigger{At: l.At, By: by, Stage: stage, Why: l.why(), Findings: failed(l.Findings), Weight: ro.weight}
}

// test runs the last tests, as users reach the service, before the release is promoted.
func (ro *rollout) test() (*Trigger, error) {
	if len(ro.in.Config.checksOn(AtEnd)) == 0 {
		return nil, nil
	}
	return ro.until("tests", "test", "tests before promotion", func(step string) (looked, error) {
		return do(ro, step, "run the tests of "+ro.new.Release.Version+" before promotion", func(ctx context.Context) (looked, error) {
			findings := ro.checkPublic(ctx, ro.new, AtEnd)
			if ctx.Err() != nil {
				return looked{}, ctx.Err()
			}
			return looked{Findings: findings, At: time.Now()}, ro.recordFindings(ctx, findings)
		})
	})
}

// promote makes the new release the one that serves. The old one stays ready until the watch is over.
func (ro *rollout) promote() error {
	_, err := do(ro, "promote", fmt.Sprintf("%s is promoted; %s stays ready for %s", ro.new.Release.Version, ro.oldName(), ro.in.Config.Watch), func(ctx context.Context) (bool, error) {
		return true, ro.serve(ctx, ro.new)
	})
	return err
}

func (ro *rollout) oldName() string {
	if ro.old == nil {
		return "no release before it"
	}
	return ro.old.Release.Version
}

// settle ends the watch: the old instances stop, and what serves now becomes the known-good point.
func (ro *rollout) settle() (Result, error) {
	broken, err := ro.contract()
	if err != nil {
		return Result{}, err
	}
	rel := ro.new.Release
	if broken != "" {
		return ro.halfway(broken)
	}
	point := good.Point{ID: "point-" + ro.r.ID(), Service: rel.Service, Release: rel, Run: ro.r.ID(), At: time.Now()}
	return do(ro, "known-good", fmt.Sprintf("%s is known good; %s stops", rel.Version, ro.oldName()), func(ctx context.Context) (Result, error) {
		res := ro.result(Promoted, fmt.Sprintf("%s passed every check of %s and the watch", rel.Version, stagesText(len(ro.stages))))
		evidence, err := ro.evidence(ctx)
		if err != nil {
			return res, err
		}
		res.Findings, point.Evidence = evidence, evidence
		if err := errors.Join(ro.serve(ctx, ro.new), ro.Store.PutPoint(ctx, point)); err != nil {
			return res, err
		}
		ro.keepSamples(ctx, func(k *samples.Kept) { k.Good = true })
		if err := ro.retire(ctx); err != nil {
			return res, err
		}
		ro.letSync(ctx, true)
		res.Point = point.ID
		return res, errors.Join(ro.collect(ctx), ro.tell(ctx, "promoted", notify.Info, fmt.Sprintf("%s: %s is released and known good", rel.Service, rel.Version), res.Why, res))
	})
}

// halfway ends a rollout whose release is good, and whose database still has what should have gone.
func (ro *rollout) halfway(broken string) (Result, error) {
	res := ro.result(Incomplete, fmt.Sprintf("%s serves and passed everything, but the last part of its migrations could not be done: %s", ro.new.Release.Version, broken))
	return do(ro, "halfway", "the schema could not be finished: "+broken, func(ctx context.Context) (Result, error) {
		return res, ro.tell(ctx, "incomplete", notify.Critical, fmt.Sprintf("%s: the schema of %s needs a person", ro.in.Service, ro.new.Release.Version), res.Why, res)
	})
}

// retire stops every instance that is not of the release that serves now.
func (ro *rollout) retire(ctx context.Context) error {
	if err := ro.apply(ctx, ro.full(), ro.in.Config.Instances, 0); err != nil {
		return err
	}
	all, err := ro.Runtime.List(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	for _, in := range all {
		if in.Release == ro.new.Release.ID() {
			continue
		}
		if err := ro.drain(ctx, ro.new, in); err != nil {
			return err
		}
		if err := ro.stop(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

func stagesText(n int) string {
	if n == 1 {
		return "its stage"
	}
	return fmt.Sprintf("%d stages", n)
}
