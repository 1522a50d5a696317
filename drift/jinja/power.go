package jinja

import (
	"math"
	"math/big"
)

// power is x to the y, rounded as C's pow rounds it; the standard library's is off by one digit at times.
func power(x, y float64) float64 {
	rough := math.Pow(x, y)
	if x <= 0 || rough == 0 || math.IsInf(rough, 0) || math.IsNaN(rough) || x == 1 || y == 0 || y == 1 || math.IsInf(x, 0) || math.IsInf(y, 0) || rough < 1e-300 {
		return rough
	}
	ln := logarithm(x)
	exact, _ := exponential(ln.Mul(ln, precise(y))).Float64()
	if math.Abs(exact-rough) > math.Abs(rough)*1e-12 {
		return rough
	}
	return exact
}

const bitsOfPower = 160

func precise(f float64) *big.Float { return new(big.Float).SetPrec(bitsOfPower).SetFloat64(f) }

var ln2 = func() *big.Float { return atanhSeries(big.NewRat(1, 3)) }() // ln 2 is 2 atanh(1/3)

func atanhSeries(r *big.Rat) *big.Float {
	z := new(big.Float).SetPrec(bitsOfPower).SetRat(r)
	return twiceAtanh(z)
}

// twiceAtanh is 2 (z + z^3/3 + z^5/5 ...).
func twiceAtanh(z *big.Float) *big.Float {
	square := new(big.Float).SetPrec(bitsOfPower).Mul(z, z)
	sum, term := precise(0), new(big.Float).SetPrec(bitsOfPower).Set(z)
	for n := 1.0; n < 120; n += 2 {
		sum.Add(sum, new(big.Float).SetPrec(bitsOfPower).Quo(term, precise(n)))
		term.Mul(term, square)
	}
	return sum.Mul(sum, precise(2))
}

func logarithm(x float64) *big.Float {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	z := new(big.Float).SetPrec(bitsOfPower).Quo(precise(m-1), precise(m+1))
	if m+1-1 != m { // m+1 is not exact
		z.Quo(precise(0).Sub(precise(m), precise(1)), precise(0).Add(precise(m), precise(1)))
	}
	ln := twiceAtanh(z)
	return ln.Add(ln, new(big.Float).SetPrec(bitsOfPower).Mul(ln2, precise(float64(e))))
}

func exponential(v *big.Float) *big.Float {
	q, _ := new(big.Float).SetPrec(bitsOfPower).Quo(v, ln2).Float64()
	k := math.Round(q)
	rest := new(big.Float).SetPrec(bitsOfPower).Sub(v, new(big.Float).SetPrec(bitsOfPower).Mul(ln2, precise(k)))
	sum, term := precise(1), precise(1)
	for n := 1.0; n < 45; n++ {
		term.Mul(term, rest).Quo(term, precise(n))
		sum.Add(sum, term)
	}
	return sum.SetMantExp(sum, int(k))
}

func nearest(x *big.Float) float64 {
	f, _ := x.Float64()
	return f
}
