package run_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/run"
)

const smallDisk = "RUN_TEST_SMALL_DISK"

// The disk is a small one in memory, mounted by a child that only that child sees: nothing is left behind however it ends.
func TestAFullDiskIsSaidAndTheRunGoesOnWhenThereIsRoom(t *testing.T) {
	if os.Getenv(smallDisk) != "" {
		fillTheDisk(t, os.Getenv(smallDisk))
		return
	}
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // an empty folder
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillTheDisk(t *testing.T, dir string) {
	if err := errors.Join(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m")); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	effects := filepath.Join(t.TempDir(), "effects") // on another disk
	entered, leave := make(chan struct{}), make(chan struct{})
	e, _ := open(t, dir, func(e *run.Engine) {
		run.Register(e, "d", func(r *run.Run, _ string) (string, error) {
			_, err := run.Step(r, "one", func(context.Context) (int, error) {
				entered <- struct{}{}
				<-leave
				return 1, appendLine(effects, "one")
			})
			if err != nil {
				_, undo := run.Step(r, "undo", func(context.Context) (int, error) { return 1, appendLine(effects, "undo") })
				return "back", errors.Join(err, undo)
			}
			_, err = run.Step(r, "two", func(ctx context.Context) (int, error) {
				if err := r.Journal(ctx, "doing", "two", nil); err != nil {
					return 0, err
				}
				return 2, appendLine(effects, "two")
			})
			return "done", err
		})
	})
	info, err := e.Start(t.Context(), run.Request{Kind: "d", Target: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	close(leave)
	until(t, "the first effect", func() bool { return lines(effects) == "one" })
	if _, err := e.Start(t.Context(), run.Request{Kind: "d", Target: "y"}); err == nil || !strings.Contains(err.Error(), "the disk is full: make room") {
		t.Errorf("a start on a full disk says: %v", err)
	}
	if got, err := e.Get(t.Context(), info.ID); err != nil || got.State != run.Running {
		t.Errorf("while the disk is full the run is %+v, %v", got, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if info, err = e.Wait(ctx, info.ID); err != nil || string(info.Result) != `"done"` {
		t.Fatalf("with room again the run is %+v, %v", info, err)
	}
	if got := lines(effects); got != "one two" {
		t.Errorf("effects came as %q, want each once and nothing undone", got)
	}
}

// fill writes until the last block is taken.
func fill(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1 << 20, 4096} {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	_ = f.Close() // it is full, as wanted
}
