package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/traffic"
)

// start makes sure that n instances of the release run, and waits until they are healthy. Findings say of each instance
// that is not what was seen, with its last log lines. An error means that the machine could not do it.
func (ro *rollout) start(ctx context.Context, k Kept, n int) ([]good.Finding, error) {
	env, err := ro.env(ctx, k.Config)
	if err != nil {
		return nil, err
	}
	files, err := ro.files(ctx, k)
	if err == nil {
		err = ro.configured(ctx, k)
	}
	if err != nil {
		return nil, err
	}
	findings := make([]good.Finding, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			in, err := ro.Runtime.Start(ctx, specOf(k, i, env, files))
			if f, lost := lostFinding(err, k); lost && ctx.Err() == nil {
				findings[i] = f
				return nil
			}
			if err != nil {
				return fmt.Errorf("instance %d of %s %s: %w", i, k.Release.Service, k.Release.Version, err)
			}
			findings[i] = ro.healthy(ctx, k, in)
			return ctx.Err()
		})
	}
	return findings, group.Wait()
}

func specOf(k Kept, index int, env, files map[string]string) runtime.Spec {
	spec := runtime.Spec{
		Service: k.Release.Service, Release: k.Release.ID(), Index: index, Dir: k.Dir, Command: command(k.Config.Run),
		Env: env, Files: files, Grace: time.Duration(k.Config.Grace), Memory: int64(k.Config.Memory), Restarts: k.Config.Restarts,
	}
	spec.Version = k.Release.Version
	if k.Config.Kubernetes != nil {
		k.Config.Kubernetes.onCluster(&spec, k.Config)
		return spec
	}
	if spec.Place = k.Config.Hosts.place(index, k.Config.Instances); spec.Place != nil {
		spec.PortFrom = k.Config.Port
	} else if k.Config.Port != 0 {
		spec.Port = k.Config.Port + index
	}
	return spec
}

// command is the argv of an instance: the shell that reads the line, replaced by the program where the line is only one command.
func command(line string) []string {
	if !strings.ContainsAny(line, "&|;<>()\n") {
		line = "exec " + line
	}
	return []string{"/bin/sh", "-c", line}
}

// env resolves the environment of the instances; its values are never journaled.
func (ro *rollout) env(ctx context.Context, conf Service) (map[string]string, error) {
	env := make(map[string]string, len(conf.Env))
	for name, value := range conf.Env {
		text, _ := value.Plain()
		if secret, ok := value.Secret(); ok {
			var err error
			if text, err = ro.Secret(ctx, secret.Name()); err != nil {
				return nil, fmt.Errorf("env %s of %s: %w", name, ro.in.Service, err)
			}
		}
		env[name] = text
	}
	return env, nil
}

// healthy waits for one instance. Without a health check an instance that still runs after a second is taken as started,
// and said to be so.
func (ro *rollout) healthy(ctx context.Context, k Kept, in runtime.Instance) good.Finding {
	alive := func() (bool, string) {
		now, ok, err := ro.instance(ctx, in.Service, in.ID)
		switch {
		case err != nil || !ok:
			return true, "" // not being able to look says nothing about the instance
		case now.State == runtime.Running, now.State == runtime.Lost && now.Apart:
			return true, ""
		}
		return false, now.Exit
	}
	spec, ok := k.Config.health()
	if k.Config.Kubernetes != nil && in.State == runtime.Running {
		if f := ro.ready(ctx, k, &in); f.Verdict != good.Pass || !ok {
			return f
		}
	} else if !ok {
		return ro.settled(ctx, k, in, alive)
	}
	f := check.UntilHealthy(ctx, spec, "health", ro.target(k, in), k.Config.startLimit(), alive)
	f.Check = "health of " + in.ID
	f.Release = k.Release.Version
	if f.Verdict != good.Pass {
		f.Detail = strings.TrimLeft(f.Detail+"\n"+ro.lastLines(ctx, in.ID), "\n")
	}
	return f
}

// settled says of an instance without a health check whether it stayed up for a second.
func (ro *rollout) settled(ctx context.Context, k Kept, in runtime.Instance, alive func() (bool, string)) good.Finding {
	f := good.Finding{Check: "start of " + in.ID, Release: k.Release.Version, At: time.Now(), Wanted: "an instance that stays up"}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		select {
		case <-ctx.Done():
			f.Observed = "interrupted"
			return f
		case <-tick.C:
		}
		if up, exit := alive(); !up {
			f.Verdict, f.Observed, f.Detail = good.Fail, exit, ro.lastLines(ctx, in.ID)
			return f
		}
	}
	f.Verdict, f.Observed = good.Pass, "running for a second; no health check is configured"
	return f
}

func (ro *rollout) instance(ctx context.Context, service, id string) (runtime.Instance, bool, error) {
	all, err := ro.Runtime.List(ctx, service)
	if err != nil {
		return runtime.Instance{}, false, err
	}
	i := slices.IndexFunc(all, func(in runtime.Instance) bool { return in.ID == id })
	if i < 0 {
		return runtime.Instance{}, false, nil
	}
	return all[i], true, nil
}

// running lists the instances of the releases of this rollout that run, new before old.
func (s *Rollouts) running(ctx context.Context, service, release string) ([]runtime.Instance, error) {
	all, err := s.Runtime.List(ctx, service)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(in runtime.Instance) bool {
		return in.Release != release || in.State != runtime.Running
	}), nil
}

// backends are the first newUp instances of the new release and the first oldUp ones of the old.
func (ro *rollout) backends(ctx context.Context, newUp, oldUp int) ([]traffic.Backend, error) {
	var out []traffic.Backend
	add := func(release string, n int) error {
		all, err := ro.Runtime.List(ctx, ro.in.Service)
		if err != nil {
			return err
		}
		for _, in := range serving(all, release, n) {
			out = append(out, traffic.Backend{Release: in.Release, Instance: in.ID, URL: in.URL})
		}
		return nil
	}
	if err := add(ro.new.Release.ID(), newUp); err != nil {
		return nil, err
	}
	if ro.old != nil {
		if err := add(ro.old.Release.ID(), oldUp); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// serving are the first n instances of a release that may get requests: those that run and are ready. Where none is ready all that run may, and where
// who knows cannot be asked, those that were there when it was last known.
func serving(all []runtime.Instance, release string, n int) []runtime.Instance {
	var ready, up, lost []runtime.Instance
	for _, in := range all {
		switch {
		case in.Release != release || in.Index >= n || in.URL == "":
		case in.State == runtime.Running:
			if up = append(up, in); in.Unready == "" {
				ready = append(ready, in)
			}
		case in.State == runtime.Lost && in.Apart:
			lost = append(lost, in)
		}
	}
	if len(ready) > 0 {
		return ready
	}
	if len(up) > 0 {
		return up
	}
	return lost
}

// apply sends the share weight to the first newUp instances of the new release, the rest to the first oldUp of the old one.
func (ro *rollout) apply(ctx context.Context, weight, newUp, oldUp int) error {
	if ro.new.Config.Traffic == nil {
		return nil
	}
	backends, err := ro.backends(ctx, newUp, oldUp)
	if err != nil {
		return err
	}
	if weight > 0 && !slices.ContainsFunc(backends, func(b traffic.Backend) bool { return b.Release == ro.new.Release.ID() }) {
		return fmt.Errorf("%s: no instance of %s runs that could take %s of the traffic", ro.in.Service, ro.new.Release.Version, percent(weight))
	}
	if err := ro.Router.Apply(ctx, ro.route(backends, weight)); err != nil {
		return fmt.Errorf("traffic of %s: %w", ro.in.Service, err)
	}
	ro.show(func(l *Live) { l.Weight = weight })
	return nil
}

// stopFrom drains and ends the instances of a release with an index of at least from. They are out of the route already.
func (ro *rollout) stopFrom(ctx context.Context, k Kept, from int) error {
	all, err := ro.Runtime.List(ctx, ro.in.Service)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, in := range all {
		if in.Release != k.Release.ID() || in.Index < from {
			continue
		}
		group.Go(func() error {
			if err := ro.drain(ctx, k, in); err != nil {
				return err
			}
			return ro.stop(ctx, in)
		})
	}
	return group.Wait()
}

// drain waits for the requests that an instance still has. Those that take longer than the grace period are ended with it,
// and the journal says how many they were.
func (ro *rollout) drain(ctx context.Context, k Kept, in runtime.Instance) error {
	if k.Config.Traffic == nil || in.State != runtime.Running {
		return nil
	}
	limited, stop := context.WithTimeout(ctx, max(time.Duration(k.Config.Grace), time.Second))
	defer stop()
	err := ro.Router.Drain(limited, ro.in.Service, in.Release, in.ID)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return ro.record(ctx, "drain", fmt.Sprintf("%s is stopped although it is not idle: %v", in.ID, err), nil)
}

func (ro *rollout) lastLines(ctx context.Context, id string) string {
	lines, err := ro.Runtime.Logs(ctx, id, 20)
	if err != nil {
		return "its log could not be read: " + err.Error()
	}
	return strings.Join(lines, "\n")
}

// target is what a check of one instance looks at.
func (ro *rollout) target(k Kept, in runtime.Instance) check.Target {
	return check.Target{Service: in.Service, Release: k.Release.Version, ReleaseID: k.Release.ID(), Instance: in.ID, BaseURL: in.URL, Dir: k.Dir, Secret: ro.Secret}
}
