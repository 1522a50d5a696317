package judge

import (
	"fmt"
	"math"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// The sentences that findings are made of. All numbers are counted since the most likely onset.

func sayErrors(j *Judge) string {
	t := j.errors.tallies[j.errors.lead()]
	s := fmt.Sprintf("%s failed on the new release, %d of %d on the old", ofRequests(t.newK, t.newN), t.oldK, t.oldN)
	if t.oldK > 0 {
		newRate, oldRate := float64(t.newK)/float64(t.newN), float64(t.oldK)/float64(t.oldN)
		s += fmt.Sprintf(": %.2g times worse", newRate/oldRate)
	}
	return s + since(t.since) + chance(j.errors.log())
}

func wantErrors(j *Judge) string {
	if j.conf.Worse == 1 {
		return "no more failures than on the old release"
	}
	return fmt.Sprintf("at most %g times the failures of the old release", j.conf.Worse)
}

func sayErrorsAlone(j *Judge) string {
	a := j.errorsAlone
	t := a.tallies[a.lead()]
	return fmt.Sprintf("%s failed on the new release, %d of %d on the old one in its last minutes%s%s; the weaker comparison, as no old release runs beside",
		ofRequests(t.newK, t.newN), a.pastK, a.pastN, since(t.since), chance(a.log()))
}

func wantErrorsAlone(j *Judge) string {
	return fmt.Sprintf("at most %.2g%% failures", 100*j.errorsAlone.bound)
}

func sayLatency(j *Judge) string {
	t := j.latency.tallies[j.latency.lead()]
	return fmt.Sprintf("%s took longer than %s on the new release; on the old %d of %d (%s) took longer than %s%s%s",
		ofRequests(t.newK, t.newN), bucketTime(t.newLimit), t.oldK, t.oldN, share(t.oldK, t.oldN), bucketTime(t.oldLim), since(t.since), chance(j.latency.log()))
}

func sayLatencyAlone(j *Judge) string {
	lead := j.latencyAlone.lead()
	t := j.latencyAlone.tallies[lead]
	quantile := j.latencyAlone.quantiles[lead/len(boldness)]
	return fmt.Sprintf("%s took longer than %s on the new release; on the old one in its last minutes %.3g%% took longer than %s%s%s; the weaker comparison, as no old release runs beside",
		ofRequests(t.newK, t.newN), bucketTime(t.newLimit), 100*(1-quantile), bucketTime(t.oldLim), since(t.since), chance(j.latencyAlone.log()))
}

func wantLatency(j *Judge) string {
	return fmt.Sprintf("at most %g times the old release's latency", j.conf.Slower)
}

func bucketTime(bucket float64) time.Duration { return round(traffic.BucketLimit(int(bucket))) }

func ofRequests(k, n int64) string { return fmt.Sprintf("%d of %d requests (%s)", k, n, share(k, n)) }

func share(k, n int64) string {
	if n == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.3g%%", 100*float64(k)/float64(n))
}

func since(unix int64) string {
	return " since " + time.Unix(unix, 0).UTC().Format("15:04:05") + " UTC"
}

// chance says the odds of so much evidence against a release that is not worse.
func chance(log float64) string {
	if log > math.Log(1e6) {
		return " (by chance less than once in a million releases)"
	}
	return fmt.Sprintf(" (by chance once in %.0f releases)", math.Exp(max(0, log)))
}
