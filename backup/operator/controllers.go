package operator

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// controllers has each kind looked after. Nothing is done before the data directory is open.
func (o *Operator) controllers(m ctrl.Manager, opened <-chan struct{}) error {
	once := func(do reconcile.Func) reconcile.Func {
		return func(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
			select {
			case <-opened:
				res, err := do(ctx, q)
				if apierrors.IsConflict(err) { // somebody has changed it meanwhile: it is looked at anew
					return reconcile.Result{RequeueAfter: soon}, nil
				}
				return res, err
			case <-ctx.Done():
				return reconcile.Result{}, ctx.Err()
			}
		}
	}
	// A change of a status alone, which is the operator's own, wakes nobody.
	wanted := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}))
	plans := handler.EnqueueRequestsFromMapFunc(o.plansOf)
	if err := ctrl.NewControllerManagedBy(m).Named("repository").For(&Repository{}, wanted).Complete(once(o.repository)); err != nil {
		return err
	}
	if err := ctrl.NewControllerManagedBy(m).Named("plan").For(&BackupPlan{}, wanted).Watches(&Repository{}, plans, wanted).Watches(&Backup{}, plans).Complete(once(o.plan)); err != nil {
		return err
	}
	for _, w := range []struct {
		name string
		of   client.Object
		do   reconcile.Func
	}{{"backup", &Backup{}, o.backup}, {"restore", &Restore{}, o.restore}, {"drill", &Drill{}, o.drill}} {
		if err := ctrl.NewControllerManagedBy(m).Named(w.name).For(w.of, wanted).Complete(once(w.do)); err != nil {
			return err
		}
	}
	return nil
}

// plansOf says which plans look different after something has changed.
func (o *Operator) plansOf(ctx context.Context, of client.Object) []reconcile.Request {
	if b, ok := of.(*Backup); ok {
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Plan}}}
	}
	var plans List[BackupPlan]
	if err := o.client.List(ctx, &plans); err != nil {
		return nil // they are looked at again soon
	}
	var all []reconcile.Request
	for i := range plans.Items {
		p := &plans.Items[i]
		for _, r := range append([]Reference{p.Spec.Repository}, p.Spec.Copies...) {
			if r.Name == of.GetName() && (r.Namespace == of.GetNamespace() || r.Namespace == "" && p.Namespace == of.GetNamespace()) {
				all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
			}
		}
	}
	return all
}
