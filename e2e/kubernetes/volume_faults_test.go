package kubernetes

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

// fault makes calls of the storage driver fail with a text, or late when the name ends with .delay. The empty text ends it.
func (c *cluster) fault(call, text string) {
	c.t.Helper()
	path := filepath.Join(c.state, "csi", "faults", call)
	err := os.WriteFile(path, []byte(text), 0o600)
	if text == "" {
		err = os.Remove(path)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// started is goodstate at work.
type started struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bytes.Buffer
}

func (s *site) start(args ...string) *started {
	s.t.Helper()
	g := &started{t: s.t, cmd: exec.Command(s.bin, args...), out: &bytes.Buffer{}}
	g.cmd.Dir, g.cmd.Stdout, g.cmd.Stderr = s.dir, g.out, g.out
	if err := g.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return g
}

// ends waits for goodstate and returns its exit code and what it said.
func (g *started) ends() (int, string) {
	g.t.Helper()
	err := g.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.t.Fatal(err)
	}
	return g.cmd.ProcessState.ExitCode(), g.out.String()
}

func (g *started) kill() {
	g.t.Helper()
	if err := g.cmd.Process.Kill(); err != nil {
		g.t.Fatal(err)
	}
	_ = g.cmd.Wait() // it was killed
}

// outcome runs goodstate to its end, however it is.
func (s *site) outcome(args ...string) (int, string) {
	s.t.Helper()
	return s.start(args...).ends()
}

func (c *cluster) holds() bool {
	c.t.Helper()
	out, err := c.try("", "-n", "shop", "exec", "ledger-0", "--", "ls", "-A", "/tmp")
	return err == nil && strings.Contains(out, "held")
}

func (c *cluster) mover() string {
	c.t.Helper()
	out, err := c.try("", "-n", "shop", "get", "pods", "-l", "goodstate.dev/volumes-of", "--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}")
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(out, " ")
	return name
}

// goesOn fails where the ledger does not write any more.
func goesOn(c *cluster) {
	c.t.Helper()
	before, _ := entries(c)
	real.Eventually(c.t, time.Minute, "the ledger writes", func() bool {
		now, _ := entries(c)
		return now > before
	})
}

func TestVolumesAreCopiedOrNamedWhateverFails(t *testing.T) {
	c := start(t, "csi,node").withMover()
	openLedger(c)
	s := newSite(t, volumes(c, holding, "cut: 30s", "ready: 60s"))
	s.edit("folder: copies", "folder: copies, upload: 2MiB")
	incomplete := func(t *testing.T, want ...string) {
		t.Helper()
		code, out := s.outcome("backup", "run", "shop")
		for _, w := range append(want, "INCOMPLETE") {
			if !strings.Contains(out, w) {
				t.Errorf("exit %d, and it does not say %q:\n%s", code, w, out)
			}
		}
		if code != 3 {
			t.Errorf("it exits with %d, want 3", code)
		}
		c.nothingLeft(t)
		goesOn(c)
	}

	t.Run("a driver that fails", func(t *testing.T) {
		c.fault("CreateVolumeGroupSnapshot", "the array is full")
		incomplete(t, "the array is full")
		c.fault("CreateVolumeGroupSnapshot", "")
	})

	t.Run("a snapshot that is ready but empty", func(t *testing.T) {
		c.fault("CreateVolume.delay", "15s")
		g := s.start("backup", "run", "shop")
		real.Eventually(t, 2*time.Minute, "the storage has three snapshots", func() bool { return len(c.snapshots()) == 3 })
		for _, f := range c.snapshots() {
			dir := filepath.Join(c.state, "csi", "data", strings.TrimSuffix(filepath.Base(f), ".json"))
			inside, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range inside {
				if err := os.RemoveAll(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		code, out := g.ends()
		c.fault("CreateVolume.delay", "")
		if code != 3 || !strings.Contains(out, "ready but empty") {
			t.Errorf("exit %d:\n%s", code, out)
		}
		c.nothingLeft(t)
	})

	t.Run("a quota that leaves no room for the copy's volumes", func(t *testing.T) {
		c.apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: claims, namespace: shop}\nspec: {hard: {persistentvolumeclaims: \"3\"}}\n")
		incomplete(t, "exceeded quota")
		c.kubectl("-n", "shop", "delete", "resourcequota", "claims")
	})

	t.Run("goodstate is killed while the application is held", func(t *testing.T) {
		c.fault("CreateVolumeGroupSnapshot.delay", "20s")
		g := s.start("backup", "run", "shop")
		real.Eventually(t, 2*time.Minute, "the ledger is held", c.holds)
		g.kill()
		began := time.Now()
		real.Eventually(t, 50*time.Second, "it is let go, with nobody there to do it", func() bool { return !c.holds() })
		t.Logf("let go %s after goodstate was killed", time.Since(began).Round(100*time.Millisecond))
		c.fault("CreateVolumeGroupSnapshot.delay", "")
		goesOn(c)
		s.run("backup", "run", "shop", "--wait")
		c.nothingLeft(t)
	})

	t.Run("the API server dies while the application is held", func(t *testing.T) {
		c.fault("CreateVolumeGroupSnapshot.delay", "20s")
		g := s.start("backup", "run", "shop")
		real.Eventually(t, 2*time.Minute, "the ledger is held", c.holds)
		c.sh("kill", "apiserver")
		c.fault("CreateVolumeGroupSnapshot.delay", "")
		c.sh("start", "apiserver")
		code, out := g.ends()
		t.Logf("exit %d:\n%s", code, out)
		real.Eventually(t, time.Minute, "the ledger is let go", func() bool { return !c.holds() })
		goesOn(c)
		if code == 0 {
			t.Error("a copy whose hold broke is said to be complete")
		}
		s.run("backup", "run", "shop")
		c.nothingLeft(t)
	})

	// Enough that it takes a while to go up.
	c.inPod("shop", "deploy/till", "kit fill -dir /data -files 200 -size 200000 -seed 7")
	before := digest(c)

	t.Run("a mover dies at its work", func(t *testing.T) {
		g := s.start("backup", "run", "shop")
		for range 2 {
			name := ""
			real.Eventually(t, 3*time.Minute, "a mover is at work", func() bool { name = c.mover(); return name != "" })
			c.kubectl("-n", "shop", "delete", "pod", name, "--grace-period=0", "--force", "--wait=false")
			real.Eventually(t, time.Minute, "it is gone", func() bool { return c.mover() != name })
		}
		if code, out := g.ends(); code != 0 {
			t.Errorf("exit %d:\n%s", code, out)
		}
		c.nothingLeft(t)
	})

	t.Run("goodstate is killed while a mover is at its work", func(t *testing.T) {
		c.inPod("shop", "deploy/till", "kit fill -dir /data -files 200 -size 200000 -seed 8")
		before = digest(c)
		g := s.start("backup", "run", "shop")
		real.Eventually(t, 3*time.Minute, "a mover is at work", func() bool { return c.mover() != "" })
		g.kill()
		s.run("backup", "run", "shop", "--wait")
		c.nothingLeft(t)
	})

	t.Run("goodstate is killed while it restores", func(t *testing.T) {
		s.edit("upload: 2MiB", "download: 4MiB")
		c.kubectl("delete", "namespace", "shop", "--timeout=180s")
		g := s.start("backup", "restore", "shop", "--in-place")
		real.Eventually(t, 3*time.Minute, "a mover is at work", func() bool { return c.mover() != "" })
		g.kill()
		s.run("backup", "restore", "shop", "--in-place", "--wait")
		ready(c)
		if after := digest(c); after != before {
			t.Errorf("the volume has %s, had %s", after, before)
		}
		c.nothingLeft(t)
	})
}
