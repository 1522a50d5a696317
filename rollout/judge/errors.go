package judge

import "math"

// worseBy are the effects that the errors test bets on: so many times worse than is accepted.
var worseBy = [...]float64{1.25, 1.5, 2, 3, 5, 10, 20, 40}

// tally is what was counted since the most likely onset of trouble; it makes the reason, not the decision.
type tally struct {
	score            float64 // Page's sum: falls back to 0 while things look fine
	since            int64
	newN, newK       int64
	oldN, oldK       int64
	newLimit, oldLim float64 // latency: the thresholds in force, in buckets
}

// add counts one observation with its log factor for the hypothesis that the tally belongs to.
func (t *tally) add(at int64, factor float64, newN, newK, oldN, oldK int64) {
	if t.score <= 0 {
		*t = tally{since: at}
	}
	t.score = max(0, t.score+factor)
	t.newN += newN
	t.newK += newK
	t.oldN += oldN
	t.oldK += oldK
}

// errorsBeside asks of each failure: in which release did it fall? If the odds of failing are at most m times those of the
// old release, a failure falls on the new one with probability at most rho = m n / (m n + n'), n and n' being the requests
// of the new and the old release in that second. The factor is the likelihood ratio of "r times worse" against rho.
//
// Given the number of failures in a second, their split is hypergeometric, which is less spread than the binomial that the
// ratio assumes; so the expectation stays at most 1 also when nearly everything fails, as in an outage of both.
type errorsBeside struct {
	evidence
	factors [len(worseBy)]float64
	tallies [len(worseBy)]tally
}

func newErrorsBeside() *errorsBeside { return &errorsBeside{evidence: newEvidence(len(worseBy))} }

func (e *errorsBeside) observe(at int64, m float64, newN, newK, oldN, oldK int64) {
	a, b := m*float64(newN), float64(oldN)
	for i, r := range worseBy {
		// rho_r/rho = r (a+b) / (r a + b), (1-rho_r)/(1-rho) = (a+b) / (r a + b)
		spread := math.Log((a + b) / (r*a + b))
		e.factors[i] = float64(newK)*(math.Log(r)+spread) + float64(oldK)*spread
		e.tallies[i].add(at, e.factors[i], newN, newK, oldN, oldK)
	}
	e.add(e.factors[:])
}

// errorsAlone tests the new release against the old one's past: is the chance of failing above a bound that was fixed when
// the old release stopped being beside it? The past is not the present, so the bound is generous.
type errorsAlone struct {
	evidence
	bound   float64 // accepted chance of failing; 0: there is no past to compare with
	pastN   int64
	pastK   int64
	factors [len(worseBy)]float64
	tallies [len(worseBy)]tally
}

// generous is how many times the old release's recent error rate is accepted where nothing runs beside.
const generous = 2

func newErrorsAlone(m float64, pastN, pastK int64) *errorsAlone {
	e := &errorsAlone{evidence: newEvidence(len(worseBy)), pastN: pastN, pastK: pastK}
	if pastN >= minPast {
		e.bound = min(generous*m*upperRate(pastK, pastN), 0.9)
	}
	return e
}

// minPast is how many requests the past must have to be compared with.
const minPast = 200

// upperRate is an upper bound of a rate of which k in n were seen, at three standard errors (the score interval of a
// Poisson count).
func upperRate(k, n int64) float64 {
	const z = 3
	c := float64(k)
	return min(1, (c+z*z/2.+z*math.Sqrt(c+z*z/4.))/float64(n))
}

func (e *errorsAlone) observe(at, n, k int64) {
	if e.bound == 0 {
		return
	}
	for i, r := range worseBy {
		worse := min(r*e.bound, (1+e.bound)/2)
		e.factors[i] = float64(k)*math.Log(worse/e.bound) + float64(n-k)*math.Log((1-worse)/(1-e.bound))
		e.tallies[i].add(at, e.factors[i], n, k, 0, 0)
	}
	e.add(e.factors[:])
}
