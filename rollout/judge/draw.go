package judge

import (
	"math"
	"math/rand/v2"
)

// draw makes random counts. The same seed and stream give the same counts.
type draw struct{ *rand.Rand }

func newDraw(seed, stream uint64) draw { return draw{rand.New(rand.NewPCG(seed, stream))} } //nolint:gosec // simulation, no secret

// poisson draws from a Poisson distribution: by multiplication where the mean is small, else by Hörmann's transformed
// rejection (PTRS, Insurance: Mathematics and Economics 12, 1993).
func (d draw) poisson(mean float64) int64 {
	if mean <= 0 {
		return 0
	}
	if mean < 10 {
		limit, p := math.Exp(-mean), d.Float64()
		k := int64(0)
		for ; p > limit; k++ {
			p *= d.Float64()
		}
		return k
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	scale := math.Log(1.1239 + 1.1328/(b-3.4))
	quick := 0.9277 - 3.6224/(b-2)
	for {
		u, v := d.Float64()-0.5, d.Float64()
		room := 0.5 - math.Abs(u)
		k := math.Floor((2*a/room+b)*u + mean + 0.43)
		if room >= 0.07 && v <= quick {
			return int64(k)
		}
		if k < 0 || room < 0.013 && v > room {
			continue
		}
		gamma, _ := math.Lgamma(k + 1)
		if math.Log(v)+scale-math.Log(a/(room*room)+b) <= k*math.Log(mean)-mean-gamma {
			return int64(k)
		}
	}
}

// binomial draws how many of n fall on a side that each takes with probability p: by inversion, in halves where the mean is large.
func (d draw) binomial(n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - d.binomial(n, 1-p)
	case float64(n)*p > 30:
		return d.binomial(n/2, p) + d.binomial(n-n/2, p)
	}
	odds := p / (1 - p)
	here := math.Pow(1-p, float64(n))
	u := d.Float64()
	k := int64(0)
	for u > here && k < n {
		u -= here
		k++
		here *= odds * float64(n-k+1) / float64(k)
	}
	return k
}
