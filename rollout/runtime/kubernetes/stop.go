package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"goodstate.dev/goodstate/rollout/runtime"
)

// goneWithin is how long a pod may take to be gone after its own grace period.
const goneWithin = time.Minute

// stop takes the instance out of the wanted ones and waits until its pod is gone, with its last lines kept.
func (s *space) stop(ctx context.Context, i runtime.Instance) error {
	pod, err := s.unwant(ctx, i)
	if err != nil || pod == nil {
		return err
	}
	kept := s.keepLines(ctx, i.ID, pod)
	spared := false
	err = s.gone(ctx, i.Service, i.Release, func(all []*corev1.Pod, wanted int) bool {
		at := slices.IndexFunc(all, func(p *corev1.Pod) bool { return p.UID == pod.UID })
		spared = at >= 0 && active(all[at]) && len(slices.DeleteFunc(slices.Clone(all), func(p *corev1.Pod) bool { return !active(p) })) <= wanted
		return at < 0 || spared
	})
	if err == nil && spared { // the Deployment took one that was not ready instead: this pod is another instance from now on
		err = s.annotate(ctx, pod, deletionCost, "0")
	}
	return errors.Join(err, kept())
}

// surplus says that the pod will be taken away: it still has a number that is marked to go.
func surplus(p *corev1.Pod) bool { return p.Annotations[deletionCost] == goFirst }

// goFirst is the cost of taking away a pod whose instance is stopped, below that of all others.
const goFirst = "-1000"

// unwant marks the instance's pod as the one that goes, and makes the release one instance smaller. It returns the pod, nil where there is none.
func (s *space) unwant(ctx context.Context, i runtime.Instance) (*corev1.Pod, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	for {
		d, err := s.get(ctx, deployments, objectName(i.Service, i.Release))
		if err != nil || d == nil {
			return nil, err
		}
		all, err := s.podsOf(ctx, runtime.Spec{Service: i.Service, Release: i.Release})
		if err != nil {
			return nil, err
		}
		wanted := numbers(d.GetAnnotations()[annInstances])
		pod := assign(wanted, all)[i.Index]
		if !slices.Contains(wanted, i.Index) { // a stop that was interrupted
			at := slices.IndexFunc(all, func(p *corev1.Pod) bool { return number(p) == i.Index && surplus(p) })
			if at < 0 {
				return nil, nil
			}
			return all[at], nil
		}
		if pod != nil {
			if err := s.number(ctx, pod, i.Index); err != nil {
				return nil, err
			}
			if err := s.annotate(ctx, pod, deletionCost, goFirst); err != nil {
				return nil, err
			}
		}
		again, err := s.resize(ctx, d, slices.DeleteFunc(wanted, func(n int) bool { return n == i.Index }))
		if !again {
			return pod, err
		}
	}
}

// gone waits until what is looked for is gone, or the release has no pods at all.
func (s *space) gone(ctx context.Context, service, release string, enough func(all []*corev1.Pod, wanted int) bool) error {
	limit, began := goneWithin, time.Now()
	return until(ctx, func() (bool, error) {
		all, err := s.podsOf(ctx, runtime.Spec{Service: service, Release: release})
		if err != nil {
			return false, err
		}
		d, err := s.get(ctx, deployments, objectName(service, release))
		if err != nil {
			return false, err
		}
		wanted := 0
		if d != nil {
			wanted = len(numbers(d.GetAnnotations()[annInstances]))
		}
		for _, p := range all {
			if g := p.DeletionGracePeriodSeconds; g != nil {
				limit = max(limit, goneWithin+time.Duration(*g)*time.Second)
			}
		}
		if len(all) == 0 || enough(all, wanted) {
			return true, nil
		}
		if time.Since(began) > limit {
			return false, fmt.Errorf("pods of %s in %s are still there after %s: %s", service, s.name, limit, all[0].Name)
		}
		return false, nil
	})
}
