// Package baseline has the rules that the judge is measured against in the same bench: what people use today. Nothing but the
// bench and the simulation decides by them.
package baseline

// BadMinutes is the alarm rule of most dashboards: an error rate beyond a fixed threshold in so many minutes in a row.
type BadMinutes struct {
	Over  float64 // error rate of a minute, 0 to 1
	InRow int

	row int
}

// Minute takes the counts of one minute and says whether the rule raises the alarm.
func (b *BadMinutes) Minute(requests, errors int64) bool {
	if requests > 0 && float64(errors)/float64(requests) > b.Over {
		b.row++
	} else {
		b.row = 0
	}
	return b.row >= b.InRow
}
