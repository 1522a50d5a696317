package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout/migrate"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

// rollout is one run under way. All that it decides by comes from its input and from the outcomes of its steps, so that a
// run that is continued after a crash walks the same way again.
type rollout struct {
	*Rollouts
	r   *run.Run
	in  Input
	new Kept
	old *Kept

	strategy strategy.Strategy
	stages   []strategy.Stage
	stage    int           // index of the stage that was entered last; -1 before the first
	weight   int           // share of the new release, in ten-thousandths
	shifted  time.Time     // when the new release first got traffic
	signal   int64         // the last signal that was acted on
	schema   *migrate.Plan // what this rollout changes in the database; nil: nothing
	eyes     *eyes
	out      *outlook
	rules    *rules
	gate     *Gate  // what a person has to agree to before it goes on; nil: nothing
	would    string // what was said last that would be done, where only observing
}

// run carries out one rollout; the engine calls it, after a crash again from its start with the outcomes of finished steps.
func (s *Rollouts) run(r *run.Run, in Input) (Result, error) {
	ro := &rollout{Rollouts: s, r: r, in: in, old: in.Old, new: Kept{Release: in.Release, Config: in.Config}, stage: -1}
	defer s.forget(r.ID())
	strat, err := in.Config.steps()
	if err != nil {
		return Result{}, fmt.Errorf("strategy of %s: %w", in.Service, err)
	}
	ro.strategy = strat
	ro.stages = stagesFor(strat, in)
	if in.Back {
		return ro.leave()
	}
	return ro.forward()
}

// stagesFor lists the stages of the rollout. The first release of a service has nothing to be compared with and nobody to
// take users from: it gets all traffic in one stage.
func stagesFor(s strategy.Strategy, in Input) []strategy.Stage {
	all := s.Stages(in.Config.Instances)
	last := all[len(all)-1]
	if in.Old != nil {
		return all
	}
	return []strategy.Stage{{Name: "first release", Weight: traffic.Full, New: in.Config.Instances, Hold: min(last.Hold, 10*time.Second)}}
}

// do is one durable step. What it is about to do is journaled before it is done; its outcome is recorded with it.
func do[T any](ro *rollout, name, text string, fn func(ctx context.Context) (T, error)) (T, error) {
	return run.Step(ro.r, name, func(ctx context.Context) (T, error) {
		ro.r.Note(text)
		ro.show(func(l *Live) { l.Doing = text; l.Step = name })
		if err := ro.r.Journal(ctx, name, text, nil); err != nil {
			var none T
			return none, err
		}
		return fn(ctx)
	})
}

// record journals something that was seen or decided inside a step.
func (ro *rollout) record(ctx context.Context, event, text string, data any) error {
	return ro.r.Journal(ctx, event, text, data)
}

// tell sends a notice about this rollout; the notice's id makes a repeated step tell it once. What is before the first dash of
// what is the type of the event, so "asks-judge-1" is told as rollout.asks.
func (ro *rollout) tell(ctx context.Context, what string, severity notify.Severity, title, text string, data any) error {
	if ro.Notify == nil {
		return nil
	}
	kind, _, _ := strings.Cut(what, "-")
	link := ""
	if ro.Page != nil {
		link = ro.Page(ro.r.ID())
	}
	return ro.Notify.Send(ctx, notify.Event{
		ID: ro.r.ID() + "/" + what, Type: "rollout." + kind, Severity: severity, Service: ro.in.Service, Run: ro.r.ID(),
		Release: ro.new.Release.Version, Title: title, Text: text, URL: link, At: time.Now(), Data: data,
	})
}

func (ro *rollout) result(o Outcome, why string) Result {
	res := Result{Outcome: o, Service: ro.in.Service, Release: ro.new.Release, Why: why}
	if ro.old != nil {
		old := ro.old.Release
		res.Old = &old
	}
	return res
}

// route is what the router has to do when the new release has the given weight. Only releases with instances are named.
func (ro *rollout) route(backends []traffic.Backend, weight int) traffic.Route {
	t := ro.new.Config.Traffic
	r := traffic.Route{
		Service: ro.in.Service, Via: t.Via, Listen: t.Listen, Backends: backends, Slow: time.Duration(t.Slow), Feedback: ro.new.Config.Feedback,
		Weights: map[string]int{ro.new.Release.ID(): weight},
	}
	if t.Sticky == "cookie" {
		r.Sticky = t.Sticky
	}
	if t.Cert != "" {
		r.TLS = &traffic.TLS{Cert: t.Cert, Key: t.Key}
	}
	if ro.old != nil {
		r.Weights[ro.old.Release.ID()] = traffic.Full - weight
	}
	return r
}

// publicURL is where users reach the service.
func publicURL(t *Traffic) string {
	if t == nil {
		return ""
	}
	if b, err := t.balancer(); b != nil || err != nil {
		if err != nil {
			return ""
		}
		return b.URL()
	}
	scheme := "http://"
	if t.Cert != "" {
		scheme = "https://"
	}
	host := t.Listen
	if len(host) > 0 && host[0] == ':' {
		host = "127.0.0.1" + host
	}
	return scheme + host
}

func percent(weight int) string {
	if weight%100 == 0 {
		return fmt.Sprintf("%d%%", weight/100)
	}
	return fmt.Sprintf("%.2f%%", float64(weight)/100)
}

// failed are the findings that say Fail.
func failed(all []good.Finding) []good.Finding {
	var out []good.Finding
	for _, f := range all {
		if f.Verdict == good.Fail {
			out = append(out, f)
		}
	}
	return out
}
