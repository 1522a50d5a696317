package rollout

import (
	"context"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
)

// GitOps names what keeps the service's namespace as Git says. While a rollout is under way and for as long as its release is held, the sync is paused:
// it would bring back what was just taken back.
type GitOps struct {
	ArgoCD        string `yaml:"argocd" json:"argocd,omitempty" help:"Application of Argo CD" example:"shop"`
	Kustomization string `yaml:"kustomization" json:"kustomization,omitempty" help:"Kustomization of Flux" example:"shop"`
	HelmRelease   string `yaml:"helmrelease" json:"helmrelease,omitempty" help:"HelmRelease of Flux" example:"shop"`
	Namespace     string `yaml:"namespace" json:"namespace,omitempty" help:"namespace that it is in (default: argocd or flux-system)" example:"argocd"`
}

// syncs lists what is paused.
func (g *GitOps) syncs() []kubernetes.Sync {
	if g == nil {
		return nil
	}
	var out []kubernetes.Sync
	for _, y := range []kubernetes.Sync{{Kind: "Application", Namespace: "argocd", Name: g.ArgoCD}, {Kind: "Kustomization", Namespace: "flux-system", Name: g.Kustomization}, {Kind: "HelmRelease", Namespace: "flux-system", Name: g.HelmRelease}} {
		if y.Name == "" {
			continue
		}
		if g.Namespace != "" {
			y.Namespace = g.Namespace
		}
		out = append(out, y)
	}
	return out
}

func (k *Kubernetes) validateGitOps(report func(path, message string)) {
	if k.GitOps != nil && len(k.GitOps.syncs()) != 1 {
		report("kubernetes.gitops", "want exactly one of argocd, kustomization and helmrelease")
	}
}

// syncer is a runtime that can pause what works beside it.
type syncer interface {
	Pause(ctx context.Context, p runtime.Place, y kubernetes.Sync, run, held string) error
	Resume(ctx context.Context, p runtime.Place, y kubernetes.Sync) error
	Mark(ctx context.Context, p runtime.Place, service, release, held string) error
}

// pauseSync keeps Argo CD or Flux from working against the rollout.
func (ro *rollout) pauseSync() error {
	k := ro.in.Config.Kubernetes
	s, ok := ro.Runtime.(syncer)
	if !ok || k == nil || k.GitOps == nil {
		return nil
	}
	_, err := do(ro, "pause-sync", "pause the sync of "+k.GitOps.syncs()[0].Name, func(ctx context.Context) (bool, error) {
		var errs []error
		for _, y := range k.GitOps.syncs() {
			errs = append(errs, s.Pause(ctx, *k.place(), y, ro.r.ID(), ""))
		}
		if err := errors.Join(errs...); err != nil && ctx.Err() == nil { // the rollout is possible without it, and people are told
			return false, ro.record(ctx, "sync-not-paused", err.Error(), nil)
		}
		return true, ctx.Err()
	})
	return err
}

// resumeSync lets it work again, when the service is as it wants to be.
func (s *Rollouts) resumeSync(ctx context.Context, k *Kubernetes) error {
	y, ok := s.Runtime.(syncer)
	if !ok || k == nil || k.GitOps == nil {
		return nil
	}
	var errs []error
	for _, one := range k.GitOps.syncs() {
		errs = append(errs, y.Resume(ctx, *k.place(), one))
	}
	return errors.Join(errs...)
}

// letSync lets the sync go on at the end of a rollout: always when its release took over, else unless a release is held. What cannot be resumed now is journaled:
// the release is what it is.
func (ro *rollout) letSync(ctx context.Context, released bool) {
	k := ro.in.Config.Kubernetes
	if k == nil || k.GitOps == nil {
		return
	}
	holds, err := ro.Store.Holds(ctx, ro.in.Service)
	if err == nil && (released || len(holds) == 0) {
		err = ro.resumeSync(ctx, k)
	}
	if err != nil && ctx.Err() == nil {
		if err := ro.record(ctx, "sync-not-resumed", err.Error(), nil); err != nil {
			ro.warn(ctx, "not journaled", err)
		}
	}
}

// markHeld says in the cluster that the release is held: on its Deployment, and in the sync, which stays paused.
func (ro *rollout) markHeld(ctx context.Context, res Result) error {
	k := ro.in.Config.Kubernetes
	s, ok := ro.Runtime.(syncer)
	if !ok || k == nil {
		return nil
	}
	held := fmt.Sprintf("%s: %s", ro.new.Release.Version, res.Trigger.Why)
	errs := []error{s.Mark(ctx, *k.place(), ro.in.Service, ro.new.Release.ID(), held)}
	for _, y := range k.GitOps.syncs() {
		errs = append(errs, s.Pause(ctx, *k.place(), y, ro.r.ID(), held))
	}
	if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
		return ro.record(ctx, "hold-not-marked", err.Error(), nil)
	}
	return ctx.Err()
}

// unmark takes the marks of a held release away.
func (s *Rollouts) unmark(ctx context.Context, service, release string) error {
	conf, err := s.service(service)
	y, ok := s.Runtime.(syncer)
	if err != nil || !ok || conf.Kubernetes == nil {
		return err
	}
	if err := y.Mark(ctx, *conf.Kubernetes.place(), service, release, ""); err != nil {
		return err
	}
	if holds, err := s.Store.Holds(ctx, service); err != nil || len(holds) > 0 {
		return err // the sync waits for the other ones
	}
	return s.resumeSync(ctx, conf.Kubernetes)
}
