package judge

import "math"

// onsetScale is the number of observations over which a later onset loses half of its prior.
const onsetScale = 600

// evidence is the e-process of one test: the odds that we would have won by betting, from the beginning, against the
// new release being as good as the old one. Each hypothesis (how much worse) brings a factor per observation whose
// expectation is at most 1 if the release is not worse. Half of the stake bets on "bad from the start"; the other half
// is put in bit by bit, w(t) = a / 2(t+a)(t+a+1), so that a later onset finds fresh money: R = (R + w) * factor. What has
// not been put in yet stays in the pocket. All stakes sum to 1, so the whole is a nonnegative supermartingale that begins
// at 1, and by Ville's inequality it ever reaches 1/alpha with a probability of at most alpha, however long one looks.
//
// The mixture over onsets and effects is that of Lindon and Malek (arXiv 2011.03567) with the delayed start of
// e-detectors (Shin, Ramdas, Rinaldo, arXiv 2203.03532). Everything is kept as logarithms.
type evidence struct {
	start, later []float64 // per hypothesis
	seen         int64     // observations
}

func newEvidence(hypotheses int) evidence {
	e := evidence{start: make([]float64, hypotheses), later: make([]float64, hypotheses)}
	for i := range e.start {
		e.start[i] = math.Log(0.5 / float64(hypotheses))
		e.later[i] = math.Inf(-1)
	}
	return e
}

// add takes the logarithms of this observation's factors, one per hypothesis.
func (e *evidence) add(factors []float64) {
	t := float64(e.seen)
	stake := math.Log(0.5*onsetScale/((t+onsetScale)*(t+onsetScale+1))) - math.Log(float64(len(factors)))
	for i, f := range factors {
		e.start[i] += f
		e.later[i] = addLogs(e.later[i], stake) + f
	}
	e.seen++
}

// log is the logarithm of the e-value.
func (e *evidence) log() float64 {
	sum := math.Log(0.5 * onsetScale / (float64(e.seen) + onsetScale)) // not staked yet
	for i := range e.start {
		sum = addLogs(sum, addLogs(e.start[i], e.later[i]))
	}
	return sum
}

// lead is the hypothesis that has won most.
func (e *evidence) lead() int {
	best, at := math.Inf(-1), 0
	for i := range e.start {
		if v := addLogs(e.start[i], e.later[i]); v > best {
			best, at = v, i
		}
	}
	return at
}

// addLogs is log(exp(a) + exp(b)).
func addLogs(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
