package prevent

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
)

const (
	checkEvery  = 250 * time.Millisecond
	sure        = 0.99 // that it fires in the incident
	falseAlarm  = 0.01 // that it fires on a good release
	mostFailing = 2    // kinds of requests that get a check each
)

var checkTimes = []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, 45 * time.Second, time.Minute}

var plainPath = regexp.MustCompile(`^/[A-Za-z/_.-]*$`)

// checks proposes to ask for what failed before any user does, for as long as it took to break. Only what is read is asked: a request that changes something
// may be made by users, and not by us.
func checks(in Incident, bad []judge.Second, good [][]judge.Second, found time.Duration) (out []Measure, notes []string) {
	if len(bad) == 0 {
		return nil, nil
	}
	requests, errors := counted(good)
	for _, w := range in.Samples.Failing {
		if w.Release != in.Samples.New || w.Method != "GET" && w.Method != "HEAD" || strings.Contains(w.Path, "*") || !strings.HasPrefix(w.Path, "/") || len(out) == mostFailing {
			continue
		}
		name := slug(w.Path) + "-lasts"
		if slices.ContainsFunc(in.Checks, func(c Check) bool { return c.Name == name }) {
			continue
		}
		long, retries, fires, ok := design(bad, requests, errors)
		if !ok {
			notes = append(notes, fmt.Sprintf("a check of %s before traffic would not be sure to find it, or would alarm on good releases", w.Path))
			continue
		}
		url := w.Path
		if !plainPath.MatchString(url) {
			url = fmt.Sprintf("%q", url)
		}
		yaml := fmt.Sprintf("{http: {url: %s}, when: [start], for: %s, every: %s}", url, long, checkEvery)
		if retries > 0 {
			yaml = fmt.Sprintf("{http: {url: %s}, when: [start], for: %s, every: %s, retries: %d}", url, long, checkEvery, retries)
		}
		out = append(out, Measure{
			Name: "check " + name, Kind: "check", Why: fmt.Sprintf("%s %s failed %d times", w.Method, w.Path, w.Count),
			Path: []string{"services", in.Service, "checks"}, Key: name, YAML: yaml,
			Incident: Replay{
				Fires: true, After: fires, Earlier: max(0, found-fires), Seconds: len(bad),
				Words: fmt.Sprintf("fires before any user is served, %s after the release's first request; it was found %s after the first traffic", shown(fires), shown(found)),
			},
			GoodTime: Replay{Seconds: lengthOf(good), Words: silence(long, retries, requests, errors, lengthOf(good))},
		})
	}
	return out, notes
}

// silence says how seldom a check alarms on good releases, as far as the recorded times tell: with 95 % confidence none of n means fewer than 3/n.
func silence(long time.Duration, retries int, requests, errors int64, seconds int) string {
	if requests == 0 {
		return "none are recorded"
	}
	if errors == 0 {
		return fmt.Sprintf("silent: none of %d requests failed in %d good seconds, so that it alarms in fewer than %.2g%% of good rollouts", requests, seconds, 100*alarms(long, retries, requests, 3))
	}
	return fmt.Sprintf("%d of %d requests failed in %d good seconds, so that it alarms in %.2g%% of good rollouts", errors, requests, seconds, 100*alarms(long, retries, requests, errors))
}

// design finds the shortest check that is all but sure to fire in the incident and all but sure not to on a good release.
func design(bad []judge.Second, requests, errors int64) (long time.Duration, retries int, fires time.Duration, ok bool) {
	for _, long := range checkTimes {
		for retries := range 3 {
			if alarms(long, retries, requests, errors) > falseAlarm {
				continue
			}
			if at, ok := caught(bad, long, retries); ok {
				return long, retries, at, true
			}
		}
	}
	return 0, 0, 0, false
}

// caught says after how long a check would have failed with all but certainty, taken from the share of requests that failed in each second since the
// release's first request. What was not recorded any more is taken as the time since the first failure was.
func caught(bad []judge.Second, long time.Duration, retries int) (time.Duration, bool) {
	var requests, errors int64 // since the first failure
	for _, s := range bad {
		if errors > 0 || s.New.Errors > 0 {
			requests, errors = requests+s.New.Requests, errors+s.New.Errors
		}
	}
	if requests == 0 {
		return 0, false
	}
	later := float64(errors) / float64(requests)
	missed := 1.0
	looks := float64(time.Second / checkEvery / time.Duration(retries+1)) // a look that is repeated takes as long as so many
	for second := range int(long / time.Second) {
		share := later
		if second < len(bad) {
			share = 0
			if n := bad[second].New.Requests; n > 0 {
				share = float64(bad[second].New.Errors) / float64(n)
			}
		}
		missed *= math.Pow(1-math.Pow(share, float64(retries+1)), max(1, looks))
		if missed <= 1-sure {
			return time.Duration(second+1) * time.Second, true
		}
	}
	return 0, false
}

// alarms is how likely a check fails on a release that fails as seldom as the good ones did. Where none failed, that none of so many did is all that is known.
func alarms(long time.Duration, retries int, requests, errors int64) float64 {
	if requests == 0 || errors == 0 {
		return 0
	}
	share := float64(errors) / float64(requests)
	return 1 - math.Pow(1-math.Pow(share, float64(retries+1)), float64(long/checkEvery))
}
