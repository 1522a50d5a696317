package operator

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
)

// PlanLabel names the plan of a Backup.
const PlanLabel = "backup.goodstate.dev/plan"

// plan brings one BackupPlan up: it is in force, its clock runs, and every restore point that it made is a Backup.
func (o *Operator) plan(ctx context.Context, q ctrl.Request) (ctrl.Result, error) {
	var p BackupPlan
	if err := o.client.Get(ctx, q.NamespacedName, &p); err != nil {
		if apierrors.IsNotFound(err) {
			forgetMetrics(q.Namespace, q.Name)
			return ctrl.Result{}, o.rebuild(ctx)
		}
		return ctrl.Result{}, err
	}
	if p.DeletionTimestamp != nil {
		return ctrl.Result{}, o.rebuild(ctx)
	}
	if err := o.rebuild(ctx); err != nil {
		return ctrl.Result{}, err
	}
	name := nameOf(p.Namespace, p.Name)
	was := clone(&p)
	err := o.problem("BackupPlan", name)
	if err != nil {
		p.Status.said(p.Generation, "Ready", false, reasonOf(err), err.Error())
		if !reflect.DeepEqual(was.Status, p.Status) {
			o.events.Eventf(&p, nil, corev1.EventTypeWarning, reasonOf(err), "Plan", "%s", err.Error())
		}
		return ctrl.Result{RequeueAfter: later}, o.write(ctx, &p, reflect.DeepEqual(was.Status, p.Status))
	}
	s, err := o.backups.Standing(ctx, name, time.Now())
	if err != nil {
		return ctrl.Result{}, err
	}
	o.tell(&p, s)
	if err := o.points(ctx, &p, s.Repository); err != nil {
		return ctrl.Result{}, err
	}
	again := lookAgain
	if s.Running != "" {
		again = later
	}
	return ctrl.Result{RequeueAfter: again}, o.write(ctx, &p, reflect.DeepEqual(was.Status, p.Status))
}

// tell puts how a plan stands into its status and the metrics.
func (o *Operator) tell(p *BackupPlan, s backup.Standing) {
	st := &p.Status
	st.Standing, st.Why, st.Points = string(s.State), s.Why, s.Points
	st.LastCopied, st.LastRestored, st.NextCopy = moment(s.Copied), moment(s.Restored), moment(s.Next)
	st.Recovery = ""
	if s.Recovery > 0 {
		st.Recovery = s.Recovery.Round(time.Millisecond).String()
	}
	reason, message := "InForce", "its clock runs"
	if p.Spec.Suspend {
		reason, message, st.NextCopy = "Suspended", "nothing is copied or drilled by the clock until suspend is taken away", nil
	}
	st.said(p.Generation, "Ready", true, reason, message)
	before := standing(*p)
	st.said(p.Generation, "Protected", s.State == plan.Good, word(string(s.State)), s.Why)
	if after := standing(*p); before != after && after != metav1.ConditionTrue && before != "" {
		o.events.Eventf(p, nil, corev1.EventTypeWarning, word(string(s.State)), "Judge", "%s", s.Why)
	}
	measure(p, s)
}

// standing is the condition Protected as it is.
func standing(p BackupPlan) metav1.ConditionStatus {
	for _, c := range p.Status.Conditions {
		if c.Type == "Protected" {
			return c.Status
		}
	}
	return ""
}

// word is a state as a reason: a capital letter first, no blanks.
func word(state string) string {
	var out []byte
	upper := true
	for i := range len(state) {
		c := state[i]
		switch {
		case c >= 'a' && c <= 'z' && upper:
			out, upper = append(out, c-'a'+'A'), false
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			out, upper = append(out, c), false
		default:
			upper = true
		}
	}
	if len(out) == 0 {
		return "Unknown"
	}
	return string(out)
}

func moment(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	m := metav1.NewTime(t.Truncate(time.Second))
	return &m
}

// points makes a Backup of each restore point that has none, and deletes those whose restore points the policy has let go.
func (o *Operator) points(ctx context.Context, p *BackupPlan, repository string) error {
	var there List[Backup]
	if err := o.client.List(ctx, &there, client.InNamespace(p.Namespace), client.MatchingLabels{PlanLabel: p.Name}); err != nil {
		return err
	}
	busy, byPoint := false, map[string]*Backup{}
	for i := range there.Items {
		b := &there.Items[i]
		byPoint[point(b)] = b
		busy = busy || !ended(b.Status.Phase) && b.Spec.Point == ""
	}
	known, err := o.backups.Ledger.Points(ctx, repository, nameOf(p.Namespace, p.Name))
	if err != nil {
		return err
	}
	for _, k := range known {
		b := byPoint[k.ID]
		switch {
		case !k.Gone.IsZero() && b != nil && b.DeletionTimestamp == nil:
			if err := o.client.Delete(ctx, b); client.IgnoreNotFound(err) != nil {
				return err
			}
		case k.Gone.IsZero() && b == nil && !busy: // a Backup under way may be about to say that it is its own
			if err := o.client.Create(ctx, made(p, k)); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		}
	}
	return nil
}

// point is the restore point of a Backup.
func point(b *Backup) string {
	if b.Status.Point != "" {
		return b.Status.Point
	}
	return b.Spec.Point
}

// made is the Backup of a restore point. It does not belong to the plan: who deletes a plan by mistake must not lose what it made.
func made(p *BackupPlan, k ledger.Point) *Backup {
	b := &Backup{Spec: BackupSpec{Plan: p.Name, Point: k.ID, DeletionPolicy: p.Spec.DeletionPolicy}}
	b.Namespace, b.Name = p.Namespace, fmt.Sprintf("%.200s-%s-%.8s", p.Name, k.At.UTC().Format("20060102-150405"), k.ID)
	b.Labels = map[string]string{PlanLabel: p.Name}
	return b
}

// ended says that a phase is the last one.
func ended(phase string) bool {
	return slices.Contains([]string{"Completed", "Incomplete", "Failed"}, phase)
}
