package operator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
)

// job is what an object of work asks of the engine.
type job struct {
	kind    string // of the run
	plan    string // nameOf
	request backup.Request
}

// notYet says that what an object names is not there yet.
type notYet struct{ what string }

func (e *notYet) Error() string { return e.what }

// carryOut does once what an object asks for. The run has the object's uid in its ID, so that it is the same run after a crash of the operator.
func (o *Operator) carryOut(ctx context.Context, w work, decide func() (job, error), finish func(run.Info) error) (ctrl.Result, error) {
	st := w.status()
	was := w.DeepCopyObject().(work).status() //nolint:forcetypeassert // a copy is of the same type
	if ended(st.Phase) {
		return ctrl.Result{}, nil
	}
	again, err := o.step(ctx, w, decide, finish)
	if err != nil {
		return ctrl.Result{}, err
	}
	same := reflect.DeepEqual(was, st)
	if !same && st.Phase != was.Phase {
		kind := corev1.EventTypeNormal
		if st.Phase == "Failed" || st.Phase == "Incomplete" {
			kind = corev1.EventTypeWarning
		}
		o.events.Eventf(w, nil, kind, st.Phase, w.kind(), "%s", short(st.Message))
	}
	return ctrl.Result{RequeueAfter: again}, o.write(ctx, w, same)
}

func (o *Operator) step(ctx context.Context, w work, decide func() (job, error), finish func(run.Info) error) (again time.Duration, err error) {
	j, err := decide()
	var wait *notYet
	switch {
	case errors.As(err, &wait):
		phase(w, "Waiting", "NotFound", err.Error())
		return later, nil
	case errors.Is(err, errForbidden):
		phase(w, "Failed", "Forbidden", err.Error())
		return 0, nil
	case err != nil:
		return 0, err
	}
	info, err := o.backups.StartAs(ctx, runOf(w), j.kind, j.plan, "operator", fmt.Sprintf("%s %s/%s", w.kind(), w.GetNamespace(), w.GetName()), j.request)
	var taken *run.LeaseError
	switch {
	case errors.As(err, &taken):
		phase(w, "Waiting", "Busy", err.Error())
		return later, nil
	case err != nil:
		phase(w, "Failed", reasonOf(err), err.Error())
		return 0, nil
	}
	st := w.status()
	st.Run, st.Started = info.ID, moment(info.Started)
	if info.State == run.Running {
		phase(w, "Running", "Running", "the run is under way")
		return soon, nil
	}
	st.Ended = moment(info.Ended)
	if info.State != run.Succeeded {
		phase(w, "Failed", "Failed", info.Error)
		return 0, nil
	}
	return 0, finish(info)
}

// runOf is the ID of an object's run.
func runOf(w work) string {
	return "operator-" + strings.ToLower(w.kind()) + "-" + string(w.GetUID())
}

func phase(w work, phase, reason, message string) {
	st := w.status()
	st.Phase, st.Message = phase, short(message)
	st.said(w.GetGeneration(), "Done", phase == "Completed", reason, short(message))
}

// short keeps a message in the size that a status should have.
func short(text string) string {
	if len(text) > 1000 {
		return strings.ToValidUTF8(text[:1000], "") + " ..."
	}
	return text
}

// most is how many problems a status lists.
const most = 20

func (st *WorkStatus) problems(all []string) {
	st.Problems, st.More = nil, max(0, len(all)-most)
	for _, p := range all[:min(most, len(all))] {
		st.Problems = append(st.Problems, short(p))
	}
}

// planOf is the plan that an object names.
func (o *Operator) planOf(ctx context.Context, namespace, name string) (*BackupPlan, error) {
	var p BackupPlan
	err := o.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p)
	switch {
	case apierrors.IsNotFound(err):
		return nil, &notYet{fmt.Sprintf("there is no BackupPlan %s in namespace %s", name, namespace)}
	case err != nil:
		return nil, err
	}
	app := nameOf(namespace, name)
	if _, ok := o.backups.Configured().Applications.Get(app); !ok {
		if err := o.rebuild(ctx); err != nil {
			return nil, err
		}
		if err := o.problem("BackupPlan", app); err != nil {
			return nil, &notYet{fmt.Sprintf("BackupPlan %s: %v", name, err)}
		}
	}
	return &p, o.usable(ctx, &p)
}

// usable says that the repository of a plan is not ready: it is being made, or it cannot be opened now.
func (o *Operator) usable(ctx context.Context, p *BackupPlan) error {
	ref := p.Spec.Repository
	if ref.Namespace == "" {
		ref.Namespace = p.Namespace
	}
	var r Repository
	if err := o.client.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &r); err != nil {
		return err
	}
	if r.Status.ID == "" {
		return &notYet{fmt.Sprintf("Repository %s/%s is not ready yet", ref.Namespace, ref.Name)}
	}
	return nil
}

// own makes a plan the owner of what was asked of it, so that it goes with the plan.
func (o *Operator) own(ctx context.Context, w client.Object, p *BackupPlan) error {
	if p.Namespace != w.GetNamespace() || metav1.IsControlledBy(w, p) || len(w.GetOwnerReferences()) > 0 {
		return nil
	}
	if err := controllerutil.SetOwnerReference(p, w, o.client.Scheme()); err != nil {
		return err
	}
	return passing(o.client.Update(ctx, w))
}
