package web

import (
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/analysis"
)

// chart is a drawing of one figure over time, and mark a moment in it.
type (
	chart = analysis.Chart
	mark  = analysis.Mark
)

// chartsOf draws the share of errors and the latency.
func chartsOf(points []analysis.Point, marks []mark) (errs, latency *chart) {
	return analysis.Charts(points, marks)
}

func targetOf(service string) string { return rollout.Target(service) }
