package operator

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
)

// pointFinalizer lets the operator decide what becomes of a restore point before its Backup goes.
const pointFinalizer = "backup.goodstate.dev/point"

// backup makes a restore point, or takes over one that a plan's clock has made.
func (o *Operator) backup(ctx context.Context, q ctrl.Request) (ctrl.Result, error) {
	var b Backup
	if err := o.client.Get(ctx, q.NamespacedName, &b); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if b.DeletionTimestamp != nil {
		return o.remove(ctx, &b)
	}
	finalizer := controllerutil.AddFinalizer(&b, pointFinalizer)
	if finalizer || b.Labels[PlanLabel] != b.Spec.Plan {
		if b.Labels == nil {
			b.Labels = map[string]string{}
		}
		b.Labels[PlanLabel] = b.Spec.Plan
		if err := o.client.Update(ctx, &b); err != nil {
			return ctrl.Result{}, passing(err)
		}
	}
	if b.Spec.Point != "" {
		return o.takeOver(ctx, &b)
	}
	return o.carryOut(ctx, &b, func() (job, error) {
		p, err := o.planOf(ctx, b.Namespace, b.Spec.Plan)
		if err != nil {
			return job{}, err
		}
		return job{kind: backup.KindCopy, plan: nameOf(p.Namespace, p.Name)}, nil
	}, func(info run.Info) error {
		var res backup.Result
		if err := json.Unmarshal(info.Result, &res); err != nil {
			return fmt.Errorf("result of run %s: %w", info.ID, err)
		}
		b.Status.Objects, b.Status.Bytes = res.Files, res.Bytes
		b.Status.problems(res.Problems)
		switch {
		case res.Failed != "":
			phase(&b, "Failed", "Failed", res.Failed)
			return nil
		case !res.Complete:
			phase(&b, "Incomplete", "Incomplete", fmt.Sprintf("%d things are missing in it", len(res.Problems)))
		default:
			phase(&b, "Completed", "Copied", fmt.Sprintf("%d objects are in restore point %s", res.Files, res.Snapshot.Short()))
		}
		b.Status.Point = res.Snapshot.String()
		return nil
	})
}

// takeOver tells of a restore point that is there already.
func (o *Operator) takeOver(ctx context.Context, b *Backup) (ctrl.Result, error) {
	if ended(b.Status.Phase) {
		return ctrl.Result{}, nil
	}
	p, err := o.planOf(ctx, b.Namespace, b.Spec.Plan)
	if err != nil {
		phase(b, "Waiting", "NotFound", err.Error())
		return ctrl.Result{RequeueAfter: later}, o.write(ctx, b, false)
	}
	all, err := o.backups.RestorePoints(ctx, nameOf(p.Namespace, p.Name), "")
	if err != nil {
		return ctrl.Result{}, err
	}
	for _, r := range all {
		if r.ID.String() != b.Spec.Point {
			continue
		}
		b.Status.Point, b.Status.Bytes, b.Status.Objects, b.Status.Proof, b.Status.Run = r.ID.String(), r.Bytes, r.Files, r.Proof, r.Run
		b.Status.Started = moment(r.At)
		if !r.Complete {
			phase(b, "Incomplete", "Incomplete", "things are missing in it; the run says which")
			return ctrl.Result{}, o.write(ctx, b, false)
		}
		phase(b, "Completed", "Copied", fmt.Sprintf("restore point %s of the plan's clock", r.ID.Short()))
		return ctrl.Result{}, o.write(ctx, b, false)
	}
	phase(b, "Failed", "NotFound", "the plan has no such restore point")
	return ctrl.Result{}, o.write(ctx, b, false)
}

// remove deletes the restore point where the policy says so. What goes because its whole namespace goes keeps its restore point: that is what it was made for.
func (o *Operator) remove(ctx context.Context, b *Backup) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(b, pointFinalizer) {
		return ctrl.Result{}, nil
	}
	stays, err := o.stays(ctx, b)
	if err != nil {
		return ctrl.Result{}, err
	}
	if stays == "" {
		again, why, err := o.forget(ctx, b)
		if err != nil || again > 0 {
			return ctrl.Result{RequeueAfter: again}, err
		}
		stays = why
	}
	if stays != "" {
		o.events.Eventf(b, nil, corev1.EventTypeNormal, "PointStays", "Delete", "restore point %.8s stays: %s", point(b), short(stays))
	}
	controllerutil.RemoveFinalizer(b, pointFinalizer)
	return ctrl.Result{}, passing(o.client.Update(ctx, b))
}

// stays says why the restore point of a Backup is not deleted with it, or nothing.
func (o *Operator) stays(ctx context.Context, b *Backup) (string, error) {
	if point(b) == "" {
		return "it has none", nil
	}
	if b.Spec.DeletionPolicy != "Delete" {
		return "the deletion policy is Retain", nil
	}
	var ns corev1.Namespace
	if err := o.client.Get(ctx, client.ObjectKey{Name: b.Namespace}, &ns); err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	if ns.DeletionTimestamp != nil || ns.Name == "" {
		return "its whole namespace is being deleted", nil
	}
	if _, ok := o.backups.Configured().Applications.Get(nameOf(b.Namespace, b.Spec.Plan)); !ok {
		return "its plan is gone", nil
	}
	return "", nil
}
