package operator

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
)

var (
	ofPlan    = []string{"namespace", "plan"}
	copied    = gauge("goodstate_plan_last_copied_timestamp_seconds", "When the plan's application was copied last.")
	restored  = gauge("goodstate_plan_last_restored_timestamp_seconds", "When a drill has restored it last.")
	recovery  = gauge("goodstate_plan_recovery_seconds", "How long that took.")
	protected = gauge("goodstate_plan_protected", "1 where the plan keeps its RPO with restore points that are proven, else 0.")
	suspended = gauge("goodstate_plan_suspended", "1 where the plan is suspended.")
	gauges    = []*prometheus.GaugeVec{copied, restored, recovery, protected, suspended}
)

func gauge(name, help string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, ofPlan)
	metrics.Registry.MustRegister(g)
	return g
}

// measure shows how a plan stands. What is unknown has no value.
func measure(p *BackupPlan, s backup.Standing) {
	yes := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	of := []string{p.Namespace, p.Name}
	protected.WithLabelValues(of...).Set(yes(s.State == plan.Good))
	suspended.WithLabelValues(of...).Set(yes(p.Spec.Suspend))
	if !s.Copied.IsZero() {
		copied.WithLabelValues(of...).Set(float64(s.Copied.Unix()))
	}
	if !s.Restored.IsZero() {
		restored.WithLabelValues(of...).Set(float64(s.Restored.Unix()))
		recovery.WithLabelValues(of...).Set(s.Recovery.Seconds())
	}
}

// forgetMetrics takes those of a plan that is gone away.
func forgetMetrics(namespace, plan string) {
	for _, g := range gauges {
		g.DeleteLabelValues(namespace, plan)
	}
}
