package repository

import (
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"
)

// zipper compresses with zstd and expands again.
type zipper struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}

// maxBlob bounds a blob's plain text: chunks are at most 8 MiB, a tree of a very large folder may be more.
const maxBlob = 256 << 20

func newZipper() (*zipper, error) {
	in, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(512<<10), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	out, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderConcurrency(0))
	return &zipper{in, out}, err
}

func (z *zipper) compress(dst, plain []byte) []byte { return z.in.EncodeAll(plain, dst) }

func (z *zipper) expand(packed []byte, limit int) ([]byte, error) {
	var head zstd.Header
	if err := head.Decode(packed); err != nil {
		return nil, fmt.Errorf("expand: %w", err)
	}
	if head.HasFCS && head.FrameContentSize > uint64(limit) {
		return nil, errors.New("expand: it claims to be larger than such a thing may be")
	}
	plain, err := z.out.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("expand: %w", err)
	}
	if len(plain) > limit {
		return nil, errors.New("expand: it is larger than such a thing may be")
	}
	return plain, nil
}

// probe is how much of a chunk is looked at to tell whether it can be compressed.
const probe = 16 << 10

// worthwhile tells from the beginning and the middle of a chunk whether compression would save anything: it is several times dearer than hashing and
// encrypting together, and media and archives do not get smaller. The measure is the entropy of single bytes; below 7.9 bits some saving is likely.
func worthwhile(chunk []byte) bool {
	if len(chunk) < 4<<10 {
		return true // cheap anyway, and too few bytes for a judgement
	}
	var count [256]int
	total := 0
	for _, from := range []int{0, len(chunk) / 2} {
		for _, b := range chunk[from:min(from+probe/2, len(chunk))] {
			count[b]++
			total++
		}
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(total)
			bits -= p * math.Log2(p)
		}
	}
	// n uniform bytes show about 8 - 255/(2 n ln 2) bits (Miller's bias).
	return bits < 7.9-255/(2*float64(total)*math.Ln2)
}
