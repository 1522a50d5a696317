package baseline

import (
	"math"
	"slices"
)

// Kayenta is the classification of one metric by the canary judge of Spinnaker, from its public description: a Mann-Whitney
// U test of the canary's samples, one a minute, against the baseline's. The metric is High when the whole confidence interval of the shift
// between the two lies above a share of the estimated shift.
type Kayenta struct {
	Confidence float64 // 0.98
	Effect     float64 // 0.25

	control, canary []float64
}

// Minute takes one sample of each and says whether the metric is High over all samples until now.
func (k *Kayenta) Minute(control, canary float64) bool {
	k.control, k.canary = append(k.control, control), append(k.canary, canary)
	lower, estimate, ok := Shift(k.control, k.canary, k.Confidence)
	return ok && estimate > 0 && lower > k.Effect*estimate
}

// Shift is the lower bound of the confidence interval and the Hodges-Lehmann estimate of how much larger y is than x: the
// interval that goes with the Mann-Whitney test, by its normal approximation with the correction for ties (Hollander and
// Wolfe, Nonparametric Statistical Methods, 4.3). ok is false with too few samples to exclude anything at that confidence.
func Shift(x, y []float64, confidence float64) (lower, estimate float64, ok bool) {
	n, m := float64(len(x)), float64(len(y))
	pairs := make([]float64, 0, len(x)*len(y))
	for _, b := range y {
		for _, a := range x {
			pairs = append(pairs, b-a)
		}
	}
	if len(pairs) == 0 {
		return 0, 0, false
	}
	slices.Sort(pairs)
	half := len(pairs) / 2
	estimate = pairs[half]
	if len(pairs)%2 == 0 {
		estimate = (pairs[half-1] + pairs[half]) / 2
	}
	total := n + m
	variance := n * m / 12 * (total + 1 - ties(x, y)/(total*(total-1)))
	z := math.Sqrt2 * math.Erfinv(confidence)
	rank := int(math.Floor(n*m/2 - z*math.Sqrt(variance)))
	if rank < 1 {
		return 0, estimate, false
	}
	return pairs[rank-1], estimate, true
}

// ties is the sum of t^3 - t over groups of t equal values.
func ties(x, y []float64) float64 {
	all := slices.Concat(x, y)
	slices.Sort(all)
	var sum float64
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		t := float64(j - i)
		sum += t*t*t - t
		i = j
	}
	return sum
}
