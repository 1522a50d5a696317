package watch

import (
	"fmt"
	"slices"
	"time"
)

// Copy is how a restore point was made.
type Copy struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Bytes   int64     `json:"bytes"`   // read
	Fresh   int64     `json:"fresh"`   // of these, that the repository did not have
	Written int64     `json:"written"` // that those took after compression
}

// changed is the part that is new, 0 to 1.
func (c Copy) changed() float64 { return float64(c.Fresh) / float64(max(1, c.Bytes)) }

// density is what compression left of the new bytes. What is encrypted or random stays as long as it was: about 1. Text and databases end at 0.1 to 0.6.
func (c Copy) density() float64 { return float64(c.Written) / float64(max(1, c.Fresh)) }

// Below these nothing is concluded: a few kilobytes say nothing.
const (
	leastCopies = 3
	leastFresh  = 64 << 10
	leastSize   = 64 << 10
)

// What is out of the ordinary.
const (
	shrunkTo     = 0.5  // of the usual size
	grownTo      = 4.0  // times the usual size
	muchChanged  = 0.4  // of all bytes
	timesUsual   = 5.0  // the usual change
	denseFrom    = 0.85 // nothing is left to compress
	denserBy     = 0.2  // than what is usual for this application
	denseChanged = 0.08 // of all bytes, at which encryption is worth an alarm
)

// Judge says what is odd about the last copy of an application after the copies before it, oldest first.
func Judge(name string, history []Copy, last Copy) []Alert {
	if len(history) < leastCopies {
		return nil
	}
	recent := history[max(0, len(history)-30):]
	usualSize := median(recent, func(c Copy) float64 { return float64(c.Bytes) })
	var all []Alert
	alert := func(kind string, severity Severity, text string) {
		all = append(all, Alert{Key: kind + "/" + name + "/" + last.ID, Kind: kind, Application: name, Severity: severity, Text: text, Evidence: evidence(recent, last)})
	}
	switch size := float64(last.Bytes); {
	case usualSize < leastSize && size < leastSize:
	case size < shrunkTo*usualSize:
		alert("shrunk", Grave, fmt.Sprintf("the copy of %s is suddenly small: %s, usual are %s", name, bytesText(size), bytesText(usualSize)))
	case size > grownTo*usualSize && size-usualSize > leastSize:
		alert("grown", Warning, fmt.Sprintf("the copy of %s is suddenly large: %s, usual are %s", name, bytesText(size), bytesText(usualSize)))
	}
	if last.Fresh < leastFresh {
		return all
	}
	grew := max(0, float64(last.Bytes)-float64(recent[len(recent)-1].Bytes))
	rewritten := (float64(last.Fresh) - grew) / float64(max(1, last.Bytes)) // what is new without being more
	usual := median(recent[1:], Copy.changed)
	usualDensity, known := densityOf(history)
	denser := known && last.density() >= denseFrom && last.density() >= usualDensity+denserBy
	switch {
	case denser && rewritten >= denseChanged:
		alert("encrypted", Grave, fmt.Sprintf("%.0f%% of %s was replaced by what cannot be compressed (%.0f%% of its length stays, usual are %.0f%%): so look files that somebody encrypted",
			100*rewritten, name, 100*last.density(), 100*usualDensity))
	case rewritten >= muchChanged && rewritten >= timesUsual*usual:
		severity := Warning
		if last.density() >= denseFrom && rewritten >= 0.8 {
			severity = Grave // nearly all of it, by what cannot be compressed
		}
		alert("changed", severity, fmt.Sprintf("%.0f%% of %s changed at once, usual are %.1f%%", 100*rewritten, name, 100*usual))
	}
	return all
}

// densityOf is the density of what the copies so far brought, the first with all that there was included.
func densityOf(history []Copy) (float64, bool) {
	var fresh, written int64
	for _, c := range history {
		fresh += c.Fresh
		written += c.Written
	}
	return float64(written) / float64(max(1, fresh)), fresh >= leastFresh
}

func median(all []Copy, of func(Copy) float64) float64 {
	values := make([]float64, len(all))
	for i, c := range all {
		values[i] = of(c)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

func evidence(recent []Copy, last Copy) map[string]any {
	return map[string]any{"copy": last, "before": recent[max(0, len(recent)-5):]}
}

func bytesText(n float64) string {
	for _, unit := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.3g TiB", n)
}
