package repository

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
)

// Sizes of chunks in bytes: those of restic, so that both tools make packs of the same shape.
const (
	minChunk = 512 << 10
	avgChunk = 1 << 20
	maxChunk = 8 << 20
)

// Chunker cuts a stream where its content says so, so that an insertion moves no other cut (content-defined chunking). The rolling hash is Gear (Xia et al.,
// "FastCDC", USENIX ATC 2016) with a table made from the repository's polynomial, so that sizes of chunks tell nothing about content to who has no key.
type Chunker struct {
	table *[256]uint64
	r     io.Reader
	buf   []byte // it grows with what is read, up to chunkBuffer
	from  int    // what was not given out yet is buf[from:to]
	to    int
	end   error
}

// Before the average size cuts are rarer and after it more frequent, so that sizes lie close together (normalised chunking of FastCDC).
const (
	maskRare     = uint64(0x3fffff) << 42 // 22 bits
	maskFrequent = uint64(0x03ffff) << 46 // 18 bits
)

// gearTable makes the 256 numbers of a repository.
func gearTable(seed string) *[256]uint64 {
	var table [256]uint64
	for i := range table {
		sum := sha256.Sum256([]byte("goodstate chunker\x00" + seed + "\x00" + strconv.Itoa(i)))
		table[i] = binary.LittleEndian.Uint64(sum[:])
	}
	return &table
}

// Chunker cuts as this repository does. It may not be used by two goroutines at once.
func (r *Repository) Chunker() *Chunker { return &Chunker{table: r.gear} }

const chunkBuffer = 2 * maxChunk

// Reset begins with another stream.
func (c *Chunker) Reset(r io.Reader) { c.r, c.from, c.to, c.end = r, 0, 0, nil }

// Next is the next chunk, which is valid until the following call; io.EOF at the end.
func (c *Chunker) Next() ([]byte, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	rest := c.buf[c.from:c.to]
	if len(rest) == 0 {
		return nil, io.EOF
	}
	n := cut(c.table, rest)
	c.from += n
	return rest[:n], nil
}

// More says whether something may follow the chunk that Next returned last.
func (c *Chunker) More() bool { return c.end == nil || c.from < c.to }

// fill reads until the largest chunk is there, or the stream ends.
func (c *Chunker) fill() error {
	if len(c.buf)-c.from < maxChunk && c.from > 0 {
		c.to = copy(c.buf, c.buf[c.from:c.to])
		c.from = 0
	}
	for c.to-c.from < maxChunk && c.end == nil {
		if c.to == len(c.buf) {
			c.grow()
		}
		var n int
		n, c.end = c.r.Read(c.buf[c.to:])
		c.to += n
	}
	if c.end != nil && !errors.Is(c.end, io.EOF) {
		return c.end
	}
	return nil
}

func (c *Chunker) grow() {
	larger := make([]byte, min(max(64<<10, 8*len(c.buf)), chunkBuffer))
	copy(larger, c.buf[:c.to])
	c.buf = larger
}

// cut is the length of the first chunk of data, which is all there is or at least the largest chunk.
func cut(table *[256]uint64, data []byte) int {
	if len(data) <= minChunk {
		return len(data)
	}
	data = data[:min(len(data), maxChunk)]
	var h uint64
	i := minChunk - 64 // the hash has seen 64 bytes when it is first asked
	for _, b := range data[i:minChunk] {
		h = h<<1 + table[b]
	}
	i = minChunk
	normal := min(avgChunk, len(data))
	for ; i < normal; i++ {
		h = h<<1 + table[data[i]]
		if h&maskRare == 0 {
			return i + 1
		}
	}
	for ; i < len(data); i++ {
		h = h<<1 + table[data[i]]
		if h&maskFrequent == 0 {
			return i + 1
		}
	}
	return len(data)
}

// randomPolynomial makes what the config calls chunker_polynomial: an irreducible polynomial of degree 53 over GF(2). restic cuts by it; we only seed our
// table with it, but restic must be able to write into the repository too.
func randomPolynomial() (string, error) {
	for range 10_000 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails
		p := binary.BigEndian.Uint64(b[:])&(1<<53-1) | 1<<53 | 1
		if irreducible(p) {
			return strconv.FormatUint(p, 16), nil
		}
	}
	return "", errors.New("no irreducible polynomial was found, which has a chance of nothing")
}

// irreducible is Rabin's test ("Probabilistic algorithms in finite fields", 1980) for the degree 53, which is prime: x^(2^53) = x modulo p, and
// x^2 - x and p have no common factor.
func irreducible(p uint64) bool {
	x := big.NewInt(2)
	mod := new(big.Int).SetUint64(p)
	power := new(big.Int).Set(x)
	for i := range 53 {
		power = remainder(square(power), mod)
		if i == 0 {
			if gcd(new(big.Int).Xor(power, x), mod).Cmp(big.NewInt(1)) != 0 {
				return false
			}
		}
	}
	return power.Cmp(x) == 0
}

// square of a polynomial over GF(2): its bits with zeros between them.
func square(p *big.Int) *big.Int {
	out := new(big.Int)
	for i := range p.BitLen() {
		if p.Bit(i) == 1 {
			out.SetBit(out, 2*i, 1)
		}
	}
	return out
}

func remainder(p, mod *big.Int) *big.Int {
	out := new(big.Int).Set(p)
	for out.BitLen() >= mod.BitLen() {
		out.Xor(out, new(big.Int).Lsh(mod, uint(out.BitLen()-mod.BitLen())))
	}
	return out
}

func gcd(a, b *big.Int) *big.Int {
	for b.Sign() != 0 {
		a, b = b, remainder(a, b)
	}
	return a
}

// seedOf checks what the config says and returns the table's seed.
func seedOf(polynomial string) (string, error) {
	if len(polynomial)%2 == 1 {
		polynomial = "0" + polynomial
	}
	if raw, err := hex.DecodeString(polynomial); err != nil || len(raw) == 0 || len(raw) > 8 {
		return "", fmt.Errorf("chunker_polynomial %q in the repository's config is not a polynomial", polynomial)
	}
	return polynomial, nil
}
