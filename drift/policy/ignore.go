package policy

import (
	"fmt"
	"strings"
	"time"
)

// Ignore lets differences stay, for a reason and until a day.
type Ignore struct {
	Match  `yaml:",inline"`
	Reason string `yaml:"reason" json:"reason" required:"true" help:"why it may stay" example:"load test until Friday"`
	Until  string `yaml:"until" json:"until" required:"true" help:"last day, as year-month-day" example:"\"2027-03-31\""`
}

const day = "2006-01-02"

// Validate reports a day that cannot be read, and a reason without words.
func (i *Ignore) Validate(report func(path, message string)) {
	if _, err := time.Parse(day, i.Until); err != nil {
		report("until", fmt.Sprintf("%q is no day, want for example \"2027-03-31\"", i.Until))
	}
	if strings.TrimSpace(i.Reason) == "" {
		report("reason", "it has no words: say why the difference may stay")
	}
}

// End is when it no longer holds: the end of its last day on this machine's clock. A day that cannot be read has ended.
func (i *Ignore) End() time.Time {
	d, err := time.ParseInLocation(day, i.Until, time.Local)
	if err != nil {
		return time.Time{}
	}
	return d.AddDate(0, 0, 1)
}

// Ignored finds the entry that lets a difference stay now.
func Ignored(list []Ignore, s Subject, now time.Time) (Ignore, bool) {
	for _, i := range list {
		if i.Fits(s) && now.Before(i.End()) {
			return i, true
		}
	}
	return Ignore{}, false
}
