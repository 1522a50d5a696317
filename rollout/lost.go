package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/runtime"
)

// lostCheck begins the name of findings about hosts that cannot be asked: nothing is known of what runs there, which is neither the
// release's fault nor a reason to go on.
const lostCheck = "host "

// lostFinding is the finding for an instance whose host cannot be asked.
func lostFinding(err error, k Kept) (good.Finding, bool) {
	var gone *runtime.UnreachableError
	if !errors.As(err, &gone) {
		return good.Finding{}, false
	}
	return good.Finding{Check: lostCheck + gone.Host, Release: k.Release.Version, Observed: gone.Err.Error(), Wanted: "a host that answers", At: time.Now()}, true
}

func lost(in runtime.Instance, k Kept) good.Finding {
	return good.Finding{
		Check: lostCheck + in.Host, Release: k.Release.Version, Observed: fmt.Sprintf("nothing is known of %s: %s", in.ID, in.Exit),
		Wanted: "a host that answers", At: time.Now(),
	}
}

// lostChecks are the findings about an instance of the new release of which nothing is known: of its host, and of each check that
// looked at it before, so that none waits for a second look that never comes.
func (ro *rollout) lostChecks(in runtime.Instance) []good.Finding {
	out := []good.Finding{lost(in, ro.new)}
	for _, name := range append([]string{"health"}, ro.new.Config.checksOn(AtStage)...) {
		f := lost(in, ro.new)
		f.Check = name + " of " + in.ID
		out = append(out, f)
	}
	return out
}

// onlyLost says that all that is missing is on hosts that cannot be asked, and that something is there: users are better off on it.
func onlyLost(l looked) bool {
	there := false
	for _, f := range l.Findings {
		if f.Verdict == good.Pass {
			there = true
		} else if f.Verdict == good.Fail || !strings.HasPrefix(f.Check, lostCheck) {
			return false
		}
	}
	return l.Broken == "" && there
}

// upAndLost are the instances of a release that run, and a finding for each of which nothing is known.
func (ro *rollout) upAndLost(ctx context.Context, k Kept) (up []runtime.Instance, gone []good.Finding, err error) {
	all, err := ro.Runtime.List(ctx, k.Release.Service)
	if err != nil {
		return nil, nil, err
	}
	for _, in := range all {
		switch {
		case in.Release != k.Release.ID():
		case in.State == runtime.Running:
			up = append(up, in)
		case in.State == runtime.Lost:
			gone = append(gone, lost(in, k))
		}
	}
	return up, gone, nil
}

// stop ends an instance. One on a host that cannot be asked is left there, and the journal says so: it gets no traffic, and is ended
// by the next release that finds its host again.
func (ro *rollout) stop(ctx context.Context, in runtime.Instance) error {
	err := ro.Runtime.Stop(ctx, in.ID)
	var gone *runtime.UnreachableError
	if errors.As(err, &gone) && ctx.Err() == nil {
		return ro.record(ctx, "left", fmt.Sprintf("%s is left on host %s, which cannot be asked: %v", in.ID, gone.Host, gone.Err), nil)
	}
	return err
}

// standing names the instances of both releases that run now.
func (ro *rollout) standing(ctx context.Context) (string, error) {
	all, err := ro.Runtime.List(ctx, ro.in.Service)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, in := range all {
		if in.State == runtime.Running && in.Unready == "" && (in.Release == ro.new.Release.ID() || ro.old != nil && in.Release == ro.old.Release.ID()) {
			ids = append(ids, in.ID+"@"+in.URL)
		}
	}
	return strings.Join(ids, " "), nil
}

// rerouted keeps the traffic on what runs: when instances went with their host, or are back, the route is made anew with the same
// shares. A release that has nothing left keeps what it had: the judge and the patrol say what becomes of it.
func (ro *rollout) rerouted(ctx context.Context, before string) (string, error) {
	if ro.new.Config.Hosts == nil && ro.new.Config.Kubernetes == nil || ro.new.Config.Traffic == nil {
		return before, nil
	}
	now, err := ro.standing(ctx)
	if err != nil || now == before || now == "" {
		return before, ctx.Err()
	}
	if before == "" {
		return now, nil
	}
	stage := ro.stages[max(ro.stage, 0)]
	if err := ro.apply(ctx, ro.weight, stage.New, stage.Old); err != nil {
		return before, ro.record(ctx, "reroute", fmt.Sprintf("instances changed, and the traffic could not follow: %v", err), nil)
	}
	return now, ro.record(ctx, "reroute", "the traffic goes to what runs now: "+now, nil)
}

// hostLooker is a runtime that can say whether a host can be used.
type hostLooker interface {
	Look(ctx context.Context, p runtime.Place) (string, error)
}

// lookAtHosts finds out before anything is moved whether all hosts can be used: reached, with the key that is known, with sudo where
// it is wanted.
func (ro *rollout) lookAtHosts() (looked, error) {
	h := ro.in.Config.Hosts
	looker, ok := ro.Runtime.(hostLooker)
	if ok && ro.in.Config.Kubernetes != nil {
		h = &Hosts{Places: []runtime.Place{*ro.in.Config.Kubernetes.place()}}
	}
	if h == nil || !ok {
		return looked{}, nil
	}
	return do(ro, "hosts", fmt.Sprintf("look at %s", strings.Join(h.names(), ", ")), func(ctx context.Context) (looked, error) {
		said := make([]string, len(h.Places))
		broken := make([]string, len(h.Places))
		group := errgroup.Group{}
		group.SetLimit(16)
		for i, p := range h.Places {
			group.Go(func() error {
				text, err := looker.Look(ctx, p)
				said[i] = p.Name + ": " + text
				if err != nil {
					broken[i] = err.Error()
				}
				return nil
			})
		}
		if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
			return looked{}, err
		}
		out := looked{At: time.Now(), Broken: strings.Join(slices.DeleteFunc(broken, func(s string) bool { return s == "" }), "; ")}
		if out.Broken != "" {
			return out, nil
		}
		return out, ro.record(ctx, "hosts-seen", strings.Join(said, "; "), nil)
	})
}

// missingHosts says which hosts cannot be asked.
func missingHosts(all []runtime.Instance) string {
	var names []string
	for _, in := range all {
		if in.State == runtime.Lost && !slices.Contains(names, in.Host) {
			names = append(names, in.Host)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; not to be asked: " + strings.Join(names, ", ")
}
