package real

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gofrs/flock"
)

// program builds a program of a Go module that lies beside this file and only pins versions. It is kept in the user's cache under a hash of these
// versions, since building takes minutes.
func program(t testing.TB, module, pkg string) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the folder of the tests' own modules is not known")
	}
	dir := filepath.Join(filepath.Dir(here), module)
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatalf("versions of %s: %v", pkg, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("folder for built programs: %v", err)
	}
	sum := sha256.Sum256(append(sums, runtime.Version()...))
	path := filepath.Join(cache, "goodstate-test", hex.EncodeToString(sum[:8]), filepath.Base(pkg))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatalf("folder for built programs: %v", err)
	}
	one := flock.New(path + ".lock") // tests of several packages want it at once
	if err := one.Lock(); err != nil {
		t.Fatalf("waiting for who builds %s: %v", pkg, err)
	}
	defer one.Close()
	if _, err := os.Stat(path); err == nil {
		return path
	}
	t.Logf("building %s, which is done once", pkg)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path+".new", pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatalf("building %s: %v", pkg, err)
	}
	return path
}
