// Package backup loses things on purpose and brings them back with the command line.
package backup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const settings = `data: data
server: {listen: none}
services: {}
secrets: {backup: {file: backup.key}}
backup:
  repositories: {main: {folder: copies, password: {secret: backup}}}
  applications:
    shop: {source: {files: {paths: [uploads]}}, repository: main, rto: 5m}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestALostHostComesBackFromItsRepositoryAndItsKey(t *testing.T) {
	bin, dir := filepath.Join(t.TempDir(), "goodstate"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/goodstate").CombinedOutput(); err != nil {
		t.Fatalf("building goodstate: %v\n%s", err, out)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("goodstate %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	picture := filepath.Join(dir, "uploads", "teapot.txt")
	write(t, filepath.Join(dir, "backup.key"), "a long and random password\n")
	write(t, filepath.Join(dir, "goodstate.yaml"), settings)
	write(t, picture, "a picture of a teapot\n")
	run("backup", "init", "main")
	run("backup", "run", "shop")

	for _, lost := range []string{"data", "uploads"} { // the settings, the key and the repository are all there is
		if err := os.RemoveAll(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	run("backup", "restore", "shop", "--in-place")
	t.Logf("the host was back after %s", time.Since(began).Round(time.Millisecond))
	if text, err := os.ReadFile(picture); err != nil || string(text) != "a picture of a teapot\n" {
		t.Errorf("the restored file has %q, %v; want what was copied", text, err)
	}
}
