// Package baseline has the rules that the judge is measured against in the same bench: what people use today. Nothing but the
// bench and the simulation decides by them.
package baseline

// BadMinutes is the alarm rule of most dashboards: a metric beyond a fixed threshold in so many minutes in a row.
type BadMinutes struct {
	Over  float64
	InRow int

	row int
}

// Minute takes the metric of one minute, NaN if it had no traffic, and says whether the rule raises the alarm.
func (b *BadMinutes) Minute(value float64) bool {
	if value > b.Over {
		b.row++
	} else {
		b.row = 0
	}
	return b.row >= b.InRow
}
