package remote

import (
	"syscall"
	"testing"
)

// freeze stops a process for the time of a test, as if its host had gone.
func freeze(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
		_ = syscall.Kill(pid, syscall.SIGKILL)
	})
}
