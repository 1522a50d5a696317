package notify

import "time"

// When an undelivered notice is tried again.
const (
	firstWait = time.Second
	mostWait  = 10 * time.Minute
	oldest    = 24 * time.Hour // since the event; after that it is given up
)

// outcome is what happens with a notice after a failed attempt.
type outcome struct {
	dead bool
	wait time.Duration
	why  string // for dead
}

// afterFailure decides how to go on after an attempt failed: attempts counts it, age is how old the notice is, final and after come from the channel,
// and chance, from 0 to 1, spreads the waits so that many notices do not come back together. Waits double from firstWait to mostWait and lie between
// half and all of that; a longer one that the other side asks for is honoured, if it ends before the notice is given up.
func afterFailure(attempts int, age time.Duration, final bool, after time.Duration, chance float64) outcome {
	switch {
	case final:
		return outcome{dead: true, why: "trying again cannot help"}
	case age >= oldest:
		return outcome{dead: true, why: "given up after " + oldest.String()}
	}
	wait := mostWait
	if doublings := attempts - 1; doublings < 20 {
		wait = min(mostWait, firstWait<<max(0, doublings))
	}
	wait = wait/2 + time.Duration(chance*float64(wait/2))
	wait = max(wait, after)
	return outcome{wait: min(wait, oldest-age)}
}
