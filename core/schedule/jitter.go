package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Jitter returns a delay of at least zero and less than most that belongs to id: the same id always waits the same time, and many ids spread evenly.
// It keeps a thousand hosts with one schedule from starting in the same second, yet each of them starts at the same minute every day.
func Jitter(id string, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(id))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(most))
}
