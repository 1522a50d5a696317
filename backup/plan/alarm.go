package plan

import (
	"fmt"
	"time"
)

// alarmAt is the part of the RPO after which people are told that it is about to be broken: copies are due at half of it, so half of the rest is left to act.
const alarmAt = 0.75

// Broken is when the RPO will be broken without another copy; zero where there is no RPO or no copy.
func Broken(f Facts) time.Time {
	if f.RPO <= 0 || f.Copied.IsZero() {
		return time.Time{}
	}
	return f.Youngest().Add(f.RPO)
}

// Soon says that the RPO is about to be broken, and why that is known: no complete copy was made though three quarters of it have gone.
func Soon(f Facts, now time.Time) (why string, soon bool) {
	at := Broken(f)
	if at.IsZero() || now.After(at) || now.Sub(f.Youngest()) < time.Duration(alarmAt*float64(f.RPO)) {
		return "", false
	}
	why = fmt.Sprintf("%s is %s old; its RPO of %s is broken in %s", f.what(), now.Sub(f.Youngest()).Round(time.Second), f.RPO, at.Sub(now).Round(time.Second))
	switch {
	case f.Failed != "":
		why += "; the last try made no copy: " + f.Failed
	case len(f.Incomplete) > 0:
		why += fmt.Sprintf("; the last copy lacks %d things: %s", len(f.Incomplete), f.Incomplete[0])
	default:
		why += "; no copy was tried since"
	}
	return why, true
}

// Shorter says in which ways a keep policy keeps less than another; empty: in none. The zero policy keeps everything.
func Shorter(before, now Keep) []string {
	if now.IsZero() || before == now {
		return nil
	}
	if before.IsZero() {
		return []string{"everything was kept, and now only what keep says"}
	}
	var all []string
	for _, r := range []struct {
		name      string
		was, then int
	}{
		{"last", before.Last, now.Last},
		{"hourly", before.Hourly, now.Hourly},
		{"daily", before.Daily, now.Daily},
		{"weekly", before.Weekly, now.Weekly},
		{"monthly", before.Monthly, now.Monthly},
		{"yearly", before.Yearly, now.Yearly},
	} {
		if r.then < r.was {
			all = append(all, fmt.Sprintf("%s: %d, was %d", r.name, r.then, r.was))
		}
	}
	if now.Within < before.Within {
		all = append(all, fmt.Sprintf("within: %s, was %s", now.Within, before.Within))
	}
	return all
}
