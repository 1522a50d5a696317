package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/run"
)

// restore brings a restore point back into the namespace of the object.
func (o *Operator) restore(ctx context.Context, q ctrl.Request) (ctrl.Result, error) {
	var r Restore
	if err := o.client.Get(ctx, q.NamespacedName, &r); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	return o.carryOut(ctx, &r, func() (job, error) { return o.restoreJob(ctx, &r) }, func(info run.Info) error {
		var res source.Restored
		if err := json.Unmarshal(info.Result, &res); err != nil {
			return fmt.Errorf("result of run %s: %w", info.ID, err)
		}
		st := &r.Status
		st.Created, st.Updated, st.Kept, st.Bytes = res.Created, res.Updated, res.Kept, res.Bytes
		st.problems(res.Problems)
		st.Finalizer = nil
		for _, f := range slices.Sorted(maps.Keys(res.Finalizers)) {
			st.Finalizer = append(st.Finalizer, Held{f, res.Finalizers[f]})
		}
		text := fmt.Sprintf("%d objects are made, %d are updated", res.Created, res.Updated)
		if r.Spec.DryRun {
			text = fmt.Sprintf("nothing was changed; %d objects would be made, %d updated, %d kept", res.Created, res.Updated, res.Kept)
		}
		if len(res.Problems) > 0 {
			phase(&r, "Incomplete", "Incomplete", fmt.Sprintf("%s; %d things are not back", text, len(res.Problems)))
			return nil
		}
		phase(&r, "Completed", "Restored", text)
		return nil
	})
}

// restoreJob decides what may come back. An object acts on its own namespace, as its own account; what is another's needs that one's word.
func (o *Operator) restoreJob(ctx context.Context, r *Restore) (job, error) {
	from := r.Spec.From
	if from == "" {
		from = r.Namespace
	}
	home := r.Namespace == o.Home
	plan, point, err := o.asked(ctx, r, from)
	if err != nil {
		return job{}, err
	}
	p, err := o.planOf(ctx, from, plan)
	if from != r.Namespace && !home && (err != nil || !slices.Contains(p.Spec.RestorableBy, r.Namespace)) { // which plans others have is not told
		return job{}, fmt.Errorf("%w: no BackupPlan %s in namespace %s names %s under restorableBy", errForbidden, plan, from, r.Namespace)
	}
	if err != nil {
		return job{}, err
	}
	if from == r.Namespace {
		if err := o.own(ctx, r, p); err != nil {
			return job{}, err
		}
	}
	request, err := o.World.restoreRequest(r, from)
	request.Snapshot = point
	return job{kind: backup.KindRestore, plan: nameOf(from, plan), request: request}, err
}

// asked says which plan and which restore point an object names.
func (o *Operator) asked(ctx context.Context, r *Restore, from string) (plan, point string, err error) {
	if r.Spec.Backup == "" {
		return r.Spec.Plan, "", nil
	}
	var b Backup
	err = o.client.Get(ctx, client.ObjectKey{Namespace: from, Name: r.Spec.Backup}, &b)
	hidden := from != r.Namespace && r.Namespace != o.Home
	if hidden && err == nil {
		p, gone := o.planOf(ctx, from, b.Spec.Plan)
		hidden = gone != nil || !slices.Contains(p.Spec.RestorableBy, r.Namespace)
	}
	switch {
	case hidden && (err == nil || apierrors.IsNotFound(err)): // whether there is one is not told
		return "", "", fmt.Errorf("%w: no plan of a Backup %s in namespace %s names %s under restorableBy", errForbidden, r.Spec.Backup, from, r.Namespace)
	case apierrors.IsNotFound(err):
		return "", "", &notYet{fmt.Sprintf("there is no Backup %s in namespace %s", r.Spec.Backup, from)}
	case err != nil:
		return "", "", err
	case b.Status.Point == "":
		return "", "", &notYet{fmt.Sprintf("Backup %s has no restore point: %s %s", b.Name, b.Status.Phase, b.Status.Message)}
	}
	return b.Spec.Plan, b.Status.Point, nil
}

// restoreRequest is what the engine is asked. Outside of the operator's namespace nothing but objects of one namespace comes back, into the own one and as its account.
func (w World) restoreRequest(r *Restore, from string) (backup.Request, error) {
	q := backup.Request{Existing: r.Spec.Existing, DryRun: r.Spec.DryRun, StorageClasses: r.Spec.StorageClasses, Images: r.Spec.Images, As: r.Namespace + ":" + Account, InPlace: true}
	if q.Existing == "" {
		q.Existing = "fail"
	}
	if r.Namespace == w.Home {
		if len(r.Spec.Namespaces) > 0 {
			q.InPlace, q.Namespaces = false, r.Spec.Namespaces
		}
		return q, nil
	}
	if len(r.Spec.Namespaces) > 0 {
		return q, fmt.Errorf("%w: only a Restore in the operator's namespace %s may name namespaces", errForbidden, w.Home)
	}
	switch from {
	case r.Namespace, w.Home: // a plan of the operator's namespace has many; the own one comes back
		q.Only = []string{r.Namespace}
	default:
		q.Only, q.InPlace, q.Namespaces = []string{from}, false, map[string]string{from: r.Namespace}
	}
	return q, nil
}
