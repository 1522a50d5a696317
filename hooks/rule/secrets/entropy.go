package secrets

import "math"

// entropy is Shannon's, in bits for each byte of the text. It counts characters and divides by bytes, as gitleaks does, so that the limits of its
// configurations mean the same here.
func entropy(text string) float64 {
	count := map[rune]int{}
	for _, c := range text {
		count[c]++
	}
	total, bits := float64(len(text)), 0.0
	for _, n := range count {
		share := float64(n) / total
		bits -= share * math.Log2(share)
	}
	return bits
}
