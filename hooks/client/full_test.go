package client

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const filler = "FILLER"

// fillDisk takes all the space that is left on the file system of the work tree.
func fillDisk() error {
	f, err := os.Create(filepath.Join(".git", filler))
	if err != nil {
		return err
	}
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return f.Close()
}

// fillUp is what happens at the step.
func fillUp() {
	if err := fillDisk(); err != nil {
		fmt.Fprintln(os.Stderr, "the disk was not filled:", err)
		os.Exit(99)
	}
}

// TestAFullDiskAtAnyStepLosesNothing fills a small file system before every step. The commit is refused or is all right, and when there is space again everything is
// as it was or as it should become. It mounts file systems, so it has something to do only for root.
func TestAFullDiskAtAnyStepLosesNothing(t *testing.T) {
	if os.Getuid() != 0 {
		return
	}
	for _, s := range situations()[:5] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			k := newWalk(t, s)
			refused := 0
			for at := 1; ; at++ {
				no, reached := k.fullAt(t, at)
				if !reached {
					break
				}
				if no {
					refused++
				}
			}
			if refused < 4 {
				t.Errorf("the commit was refused %d times, want more", refused)
			}
		})
	}
}

func (k *walk) fullAt(t *testing.T, at int) (refused, reached bool) {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("goodstate-test", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatalf("mount a small file system: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	w := k.start.copyTo(t, filepath.Join(dir, "copy"))
	cmd := w.command(k.commit...)
	cmd.Env = append(slices.Clone(cmd.Env), fmt.Sprintf("%s=%d", fillAt, at))
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "the disk was not filled") {
		t.Fatalf("step %d: %s", at, out)
	}
	if gone := os.Remove(w.path(".git/" + filler)); gone != nil {
		return false, false // the commit has fewer steps
	}
	for _, name := range k.unstaged {
		if now := w.read(name); !strings.Contains(now, "UNSTAGED") {
			t.Errorf("step %d: %s is %q, the unstaged line is gone from the work tree\n%s", at, name, now, out)
		}
	}
	said := recovered(t, w)
	after := w.state()
	if !slices.ContainsFunc(k.settled, func(state map[string]string) bool { return maps.Equal(state, after) }) {
		t.Fatalf("step %d: with space again, after recovery, which said %q, it is neither what it was:\n%s\nnor what it should become:\n%s\nthe hook had said: %s", at, said,
			difference(after, k.before), difference(after, k.want), out)
	}
	return err != nil, true
}
