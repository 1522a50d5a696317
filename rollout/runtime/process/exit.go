package process

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitText says how a program ended: "exit code 3", "killed by SIGSEGV (segmentation fault)".
func exitText(p *os.ProcessState) string {
	if p == nil {
		return "ended; how is not known"
	}
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("killed by %s (%s)", unix.SignalName(status.Signal()), status.Signal())
	}
	return fmt.Sprintf("exit code %d", p.ExitCode())
}

// mebibytes writes a size for people.
func mebibytes(bytes int64) string {
	if bytes < 10<<20 && bytes%(1<<20) != 0 {
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
