package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
)

// drill rehearses the restore of a plan.
func (o *Operator) drill(ctx context.Context, q ctrl.Request) (ctrl.Result, error) {
	var d Drill
	if err := o.client.Get(ctx, q.NamespacedName, &d); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if d.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	return o.carryOut(ctx, &d, func() (job, error) { return o.drillJob(ctx, &d) }, func(info run.Info) error {
		var res backup.Drilled
		if err := json.Unmarshal(info.Result, &res); err != nil {
			return fmt.Errorf("result of run %s: %w", info.ID, err)
		}
		st := &d.Status
		st.Point, st.Bytes, st.Proof = res.Snapshot.String(), res.Bytes, res.Level.String()
		st.Phases = nil
		for _, p := range res.Phases {
			st.Phases = append(st.Phases, Took{p.Name, p.Took.Round(time.Millisecond).String()})
		}
		if res.Recovery > 0 {
			st.Recovery = res.Recovery.Round(time.Millisecond).String()
		}
		if res.RTO > 0 {
			st.RTO = res.RTO.String()
		}
		if !res.Good {
			st.Verdict = "Fail"
			phase(&d, "Failed", "NotProven", res.Why)
			return nil
		}
		st.Verdict = "Pass"
		phase(&d, "Completed", "Proven", res.Why)
		return nil
	})
}

func (o *Operator) drillJob(ctx context.Context, d *Drill) (job, error) {
	d.Status.Verdict = "Unknown"
	p, err := o.planOf(ctx, d.Namespace, d.Spec.Plan)
	if err != nil {
		return job{}, err
	}
	if err := o.own(ctx, d, p); err != nil {
		return job{}, err
	}
	j := job{kind: backup.KindDrill, plan: nameOf(p.Namespace, p.Name)}
	if d.Spec.Backup == "" {
		return j, nil
	}
	var b Backup
	err = o.client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Backup}, &b)
	switch {
	case apierrors.IsNotFound(err) || err == nil && (b.Status.Point == "" || b.Spec.Plan != d.Spec.Plan):
		return j, &notYet{fmt.Sprintf("there is no Backup %s of plan %s with a restore point", d.Spec.Backup, d.Spec.Plan)}
	case err != nil:
		return j, err
	}
	j.request.Snapshot = b.Status.Point
	return j, nil
}
