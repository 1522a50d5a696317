package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"goodstate.dev/goodstate/rollout/runtime"
)

// start makes sure that the instance is wanted, and waits for its pod.
func (s *space) start(ctx context.Context, spec runtime.Spec) (runtime.Instance, error) {
	if err := s.want(ctx, spec); err != nil {
		return runtime.Instance{}, err
	}
	return s.await(ctx, spec)
}

// want brings the instance's number into the release's Deployment, which is made where there is none.
func (s *space) want(ctx context.Context, spec runtime.Spec) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	name := objectName(spec.Service, spec.Release)
	for {
		d, err := s.get(ctx, deployments, name)
		if err != nil {
			return err
		}
		if d == nil {
			if err := s.create(ctx, spec); err != nil {
				return err
			}
			continue
		}
		if d.GetAnnotations()[annRelease] != spec.Release {
			return fmt.Errorf("the Deployment %s in %s is not of %s %s", name, s.name, spec.Service, spec.Version)
		}
		again, err := s.grow(ctx, d, spec)
		if !again || err != nil {
			return err
		}
	}
}

// create makes the Deployment of a release, without instances, and its configuration. It does nothing where another one was quicker.
func (s *space) create(ctx context.Context, spec runtime.Spec) error {
	w, err := s.prepare(ctx, spec, nil)
	if err != nil {
		return err
	}
	var made *unstructured.Unstructured
	err = s.try(ctx, "make Deployment "+w.GetName(), func(ctx context.Context) error {
		made, err = s.of(deployments).Create(ctx, w, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
	if err != nil || made == nil {
		return err
	}
	return s.own(ctx, made)
}

// prepare makes the release's configuration and returns the workload that refers to it.
func (s *space) prepare(ctx context.Context, spec runtime.Spec, pinned map[string]string) (*unstructured.Unstructured, error) {
	r, err := s.render(spec, pinned)
	if err != nil {
		return nil, err
	}
	if err := s.configured(ctx, spec, &r); err != nil {
		return nil, err
	}
	return r.workload(spec), nil
}

// grow adds the number. A release without pods gets its template anew, with the secrets of now and the images that it ran before; one whose pods run keeps it.
func (s *space) grow(ctx context.Context, d *unstructured.Unstructured, spec runtime.Spec) (again bool, err error) {
	wanted := numbers(d.GetAnnotations()[annInstances])
	if slices.Contains(wanted, spec.Index) {
		return s.revive(ctx, d, spec)
	}
	if len(wanted) == 0 {
		fresh, err := s.prepare(ctx, spec, pinnedOf(d))
		if err != nil {
			return false, err
		}
		template, _, _ := unstructured.NestedMap(fresh.Object, "spec", "template") // prepare has made it
		if err := unstructured.SetNestedMap(d.Object, template, "spec", "template"); err != nil {
			return false, fmt.Errorf("template of %s: %w", d.GetName(), err)
		}
		if err := s.own(ctx, withTemplate(d, template)); err != nil {
			return false, err
		}
		note(d, annPort, fresh.GetAnnotations()[annPort])
		note(d, annRestarts, fresh.GetAnnotations()[annRestarts])
	}
	return s.resize(ctx, d, append(wanted, spec.Index))
}

func withTemplate(d *unstructured.Unstructured, template map[string]any) *unstructured.Unstructured {
	out := d.DeepCopy()
	_ = unstructured.SetNestedMap(out.Object, template, "spec", "template") // d has one
	return out
}

// resize writes the wanted numbers and as many replicas, in one go; again says that somebody else was quicker.
func (s *space) resize(ctx context.Context, d *unstructured.Unstructured, wanted []int) (again bool, err error) {
	note(d, annInstances, words(wanted))
	if err := unstructured.SetNestedField(d.Object, int64(len(wanted)), "spec", "replicas"); err != nil {
		return false, fmt.Errorf("replicas of %s: %w", d.GetName(), err)
	}
	err = s.try(ctx, "scale Deployment "+d.GetName()+" to "+strconv.Itoa(len(wanted)), func(ctx context.Context) error {
		_, err := s.of(deployments).Update(ctx, d, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			again = true
			return nil
		}
		return err
	})
	return again, err
}

// revive sees to an instance that is wanted already: one that has ended gets another pod, and a release that has ended as a whole begins anew.
func (s *space) revive(ctx context.Context, d *unstructured.Unstructured, spec runtime.Spec) (again bool, err error) {
	all, err := s.podsOf(ctx, spec)
	if err != nil {
		return false, err
	}
	states := s.instances(d, all)
	mine := slices.IndexFunc(states, func(i runtime.Instance) bool { return i.Index == spec.Index })
	if mine < 0 || states[mine].State != runtime.Exited {
		return false, nil
	}
	if slices.ContainsFunc(states, func(i runtime.Instance) bool { return i.State != runtime.Exited }) {
		pod := assign(numbers(d.GetAnnotations()[annInstances]), all)[spec.Index]
		return false, s.try(ctx, "replace pod "+pod.Name, func(ctx context.Context) error { return s.deletePod(ctx, pod) })
	}
	if again, err = s.resize(ctx, d, nil); again || err != nil {
		return again, err
	}
	return true, s.gone(ctx, spec.Service, spec.Release, func([]*corev1.Pod, int) bool { return false })
}

func (s *space) deletePod(ctx context.Context, p *corev1.Pod) error {
	err := s.of(pods).Delete(ctx, p.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &p.UID}})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func (s *space) podsOf(ctx context.Context, spec runtime.Spec) (all []*corev1.Pod, err error) {
	err = s.try(ctx, "list pods of "+spec.Service, func(ctx context.Context) error {
		all, err = s.readPods(ctx, selectorOf(spec.Service, spec.Release))
		return err
	})
	return all, err
}

// await waits until the instance's pod was started once, or says why it is not.
func (s *space) await(ctx context.Context, spec runtime.Spec) (out runtime.Instance, err error) {
	within := withinOf(spec)
	waitsFor := "no pod was made"
	limited, stop := context.WithTimeoutCause(ctx, within, errors.New("took too long"))
	defer stop()
	err = until(limited, func() (bool, error) {
		d, err := s.get(limited, deployments, objectName(spec.Service, spec.Release))
		if err != nil {
			return false, err
		}
		all, err := s.podsOf(limited, spec)
		if d == nil || err != nil {
			return false, err
		}
		wanted, restarts := numbers(d.GetAnnotations()[annInstances]), restartsOf(d)
		if !slices.Contains(wanted, spec.Index) {
			return false, fmt.Errorf("instance %d of %s was taken away while it was started", spec.Index, d.GetName())
		}
		pod := assign(wanted, all)[spec.Index]
		if pod == nil {
			if why := refusedPods(d); why != "" {
				waitsFor = why
			}
			return false, nil
		}
		if err := s.number(limited, pod, spec.Index); err != nil {
			return false, err
		}
		ok, why := started(pod, s.container, restarts)
		if !ok {
			waitsFor = "pod " + pod.Name + ": " + why
			return false, nil
		}
		if err := s.pin(limited, d, pod); err != nil {
			return false, err
		}
		out = instance(identity(d, spec.Index, s.name), pod, s.container, restarts, d.GetAnnotations()[annPort])
		return true, nil
	})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("nothing was started within %s in %s: %s", within, s.name, waitsFor)
	}
	return out, err
}

// number gives a pod its number.
func (s *space) number(ctx context.Context, p *corev1.Pod, n int) error {
	if number(p) == n {
		return nil
	}
	return s.annotate(ctx, p, annInstance, strconv.Itoa(n))
}

func (s *space) annotate(ctx context.Context, p *corev1.Pod, name, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.UID, "annotations": map[string]string{name: value}}})
	if err != nil {
		return fmt.Errorf("annotate pod %s: %w", p.Name, err)
	}
	return s.try(ctx, "annotate pod "+p.Name, func(ctx context.Context) error {
		_, err := s.of(pods).Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // it is gone, and another one comes
		}
		return err
	})
}

// refusedPods says why the cluster makes no pods for the Deployment: a quota, a webhook, a policy.
func refusedPods(d *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(d.Object, "status", "conditions") // none is as good as unreadable
	for _, c := range maps(conditions) {
		if c["type"] == "ReplicaFailure" && c["status"] == "True" {
			return strings.TrimRight(fmt.Sprint(c["reason"], ": ", c["message"]), ": ")
		}
	}
	return ""
}

func restartsOf(d *unstructured.Unstructured) int {
	n, _ := strconv.Atoi(d.GetAnnotations()[annRestarts]) // goodstate has written it
	return n
}

func identity(d *unstructured.Unstructured, index int, host string) runtime.Instance {
	service, release := d.GetAnnotations()[annService], d.GetAnnotations()[annRelease]
	id := runtime.Spec{Service: service, Release: release, Index: index}.ID()
	return runtime.Instance{ID: id, Service: service, Release: release, Index: index, Host: host}
}

func note(o *unstructured.Unstructured, name, value string) {
	o.SetAnnotations(merge(o.GetAnnotations(), map[string]string{name: value}))
}
