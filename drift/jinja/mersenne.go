package jinja

import (
	"crypto/rand"
	"crypto/sha512"
	"math/big"
	"math/bits"

	"goodstate.dev/goodstate/core/py"
)

// twister is the Mersenne Twister as Python's random uses it, so that a seed gives the numbers that Ansible gives. Without a seed it is the system's source.
type twister struct {
	state  [624]uint32
	at     int
	system bool
}

// newTwister seeds as random.Random(seed) does: numbers by their size, text by its bytes and their SHA-512.
func newTwister(seed any) (*twister, error) {
	if seed == nil {
		return &twister{system: true}, nil
	}
	var n *big.Int
	if text, ok := py.Text(seed); ok {
		sum := sha512.Sum512([]byte(text))
		n = new(big.Int).SetBytes(append([]byte(text), sum[:]...))
	} else {
		if _, _, _, kind := py.Number(seed); kind != py.IsInt && kind != py.IsBig {
			return nil, typeErrorf("The only supported seed types are: None, int, float, str, bytes, and bytearray.")
		}
		n = new(big.Int).Abs(toBig(seed))
	}
	var key []uint32
	mask := big.NewInt(0xffffffff)
	for rest := n; rest.Sign() > 0; rest = new(big.Int).Rsh(rest, 32) {
		key = append(key, uint32(new(big.Int).And(rest, mask).Uint64())) //nolint:gosec // masked
	}
	if key == nil {
		key = []uint32{0}
	}
	t := &twister{}
	t.seed(key)
	return t, nil
}

func (t *twister) seed(key []uint32) {
	s := &t.state
	s[0] = 19650218
	for i := 1; i < len(s); i++ {
		s[i] = 1812433253*(s[i-1]^s[i-1]>>30) + uint32(i)
	}
	i, j := 1, 0
	next := func() {
		if i++; i >= len(s) {
			s[0] = s[len(s)-1]
			i = 1
		}
	}
	for range max(len(s), len(key)) {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1664525) + key[j] + uint32(j) //nolint:gosec // small
		next()
		if j++; j >= len(key) {
			j = 0
		}
	}
	for range len(s) - 1 {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1566083941) - uint32(i) //nolint:gosec // small
		next()
	}
	s[0] = 0x80000000
	t.at = len(s)
}

func (t *twister) uint32() uint32 {
	if t.at >= len(t.state) {
		for i := range t.state {
			y := t.state[i]&0x80000000 | t.state[(i+1)%624]&0x7fffffff
			t.state[i] = t.state[(i+397)%624] ^ y>>1
			if y&1 != 0 {
				t.state[i] ^= 0x9908b0df
			}
		}
		t.at = 0
	}
	y := t.state[t.at]
	t.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// bits is Python's getrandbits for up to 64 of them.
func (t *twister) bits(k int) uint64 {
	if k <= 32 {
		return uint64(t.uint32() >> (32 - k))
	}
	low := uint64(t.uint32())
	return low | uint64(t.uint32()>>(64-k))<<32
}

// below is a number from 0 up to but without n.
func (t *twister) below(n int64) (int64, error) {
	if t.system {
		v, err := rand.Int(rand.Reader, big.NewInt(n))
		if err != nil {
			return 0, err
		}
		return v.Int64(), nil
	}
	k := bits.Len64(uint64(n)) //nolint:gosec // positive
	for {
		if v := int64(t.bits(k)); v < n && v >= 0 { //nolint:gosec // k bits
			return v, nil
		}
	}
}
