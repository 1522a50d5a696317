package judge

// measurable are the values that are told by name: those of limits.
var measurable = []watch{
	{Limit: Limit{Metric: "errors"}},
	{Limit: Limit{Metric: "requests"}},
	{Limit: Limit{Metric: "cpu"}},
	{Limit: Limit{Metric: "memory"}},
	{Limit: Limit{Metric: "restarts"}},
	{Limit: Limit{Metric: "p50", quantile: 0.5}},
	{Limit: Limit{Metric: "p90", quantile: 0.9}},
	{Limit: Limit{Metric: "p99", quantile: 0.99}},
}

// Measured tells what limits would see now, of both releases: errors (0 to 1), requests (a second), cpu (cores), memory (bytes),
// restarts, and p50, p90 and p99 in seconds. What is not known is missing.
func (j *Judge) Measured() (fresh, old map[string]float64) {
	fresh, old = map[string]float64{}, map[string]float64{}
	if len(j.window) == 0 {
		return fresh, old
	}
	for i := range measurable {
		w := &measurable[i]
		if v, ok := w.measure(j.window, false); ok && (w.ofUse() || j.total.requests > 0) {
			fresh[w.Metric] = v
		}
		if v, ok := w.measure(j.window, true); ok && w.Metric != "restarts" {
			old[w.Metric] = v
		}
	}
	return fresh, old
}
