package client

import (
	"os"
	"runtime/debug"
)

const (
	// garbage lets the heap grow to five times what is in use before it is swept: a hook lives for moments, and sweeping is a third of what it costs.
	garbage = 400
	// plenty is from where on memory is swept more often, in bytes.
	plenty = 512 << 20
)

// spendMemory sets how the memory of a hook is swept, unless somebody has said so.
func spendMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(plenty)
	}
}
