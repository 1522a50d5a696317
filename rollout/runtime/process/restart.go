package process

import "time"

const (
	restartWindow = 10 * time.Minute
	shortestPause = 250 * time.Millisecond
	longestPause  = 30 * time.Second
)

// nextStart decides what becomes of a program that ended by itself at now, after the given earlier restarts: start it
// again after a pause, or give up because it was restarted limit times within the window. The pause doubles with each
// restart in the window, so that a program that cannot run does not eat the machine.
func nextStart(now time.Time, restarts []time.Time, limit int) (pause time.Duration, again bool) {
	recent := 0
	for _, at := range restarts {
		if now.Sub(at) < restartWindow {
			recent++
		}
	}
	if recent >= limit {
		return 0, false
	}
	pause = shortestPause
	for range recent {
		pause = min(2*pause, longestPause)
	}
	return pause, true
}
