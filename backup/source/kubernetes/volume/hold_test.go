package volume

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

// held is the script at work in a shell of this machine.
type heldShell struct {
	t     *testing.T
	cmd   *exec.Cmd
	input io.WriteCloser
	lines *bufio.Scanner
	dir   string
}

// shells are those that containers have: dash, busybox's and bash.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{"sh": {"sh"}, "bash": {"bash"}}
	if path, err := exec.LookPath("busybox"); err == nil {
		all["busybox"] = []string{path, "sh"}
	}
	return all
}

func hold1(t *testing.T, shell []string, before, after string, within int) *heldShell {
	t.Helper()
	h := &heldShell{t: t, dir: t.TempDir()}
	args := slices.Concat(shell[1:], []string{"-c", holdScript, "goodstate", before, after, fmt.Sprint(within)})
	h.cmd = exec.Command(shell[0], args...)
	h.cmd.Dir = h.dir
	var err error
	if h.input, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.lines = bufio.NewScanner(out)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.input.Close(); _ = h.cmd.Wait() }) // what a test ended is no error
	return h
}

func (h *heldShell) says(want string) {
	h.t.Helper()
	if !h.lines.Scan() || h.lines.Text() != want {
		h.t.Fatalf("it says %q, want %q", h.lines.Text(), want)
	}
}

func (h *heldShell) has(name string) bool {
	_, err := os.Stat(filepath.Join(h.dir, name))
	return err == nil
}

func TestWhatIsHeldIsAlwaysLetGo(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("when it is asked to", func(t *testing.T) {
				h := hold1(t, shell, "touch held", "rm held", 600)
				h.says("held")
				if !h.has("held") {
					t.Error("nothing was held")
				}
				fmt.Fprintln(h.input)
				h.says("free asked 0 0")
				if h.has("held") {
					t.Error("it is held yet")
				}
			})
			t.Run("when who asked dies", func(t *testing.T) {
				h := hold1(t, shell, "touch held", "rm held; touch free", 600)
				h.says("held")
				if err := h.input.Close(); err != nil {
					t.Fatal(err)
				}
				h.says("free asked 0 0")
			})
			t.Run("when its time is up", func(t *testing.T) {
				h := hold1(t, shell, "touch held", "rm held", 1)
				h.says("held")
				h.says("free late 0 0")
				if h.has("held") {
					t.Error("it is held yet")
				}
			})
			t.Run("when the runtime kills the command itself", func(t *testing.T) {
				h := hold1(t, shell, "touch held", "rm held; touch free", 600)
				h.says("held")
				if err := h.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := h.input.Close(); err != nil {
					t.Fatal(err)
				}
				real.Eventually(t, time.Minute, "it is let go", func() bool { return h.has("free") })
			})
			t.Run("when holding fails, with what it came to", func(t *testing.T) {
				h := hold1(t, shell, "touch held; exit 7", "rm held", 600)
				h.says("free failed 7 0")
				if h.has("held") {
					t.Error("it is held yet")
				}
			})
			t.Run("when holding hangs", func(t *testing.T) {
				h := hold1(t, shell, "touch held; sleep 600", "rm held", 1)
				if !h.lines.Scan() || !strings.HasPrefix(h.lines.Text(), "free failed 137 0") {
					t.Fatalf("it says %q", h.lines.Text())
				}
			})
			t.Run("and says so when it cannot be", func(t *testing.T) {
				h := hold1(t, shell, "touch held", "exit 5", 600)
				h.says("held")
				fmt.Fprintln(h.input)
				h.says("free asked 0 5")
			})
		})
	}
}
