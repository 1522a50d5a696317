package backup_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/internal/real"
)

// password is that of the repositories of these tests.
const password = "correct horse"

// copiedTo makes two copies of a changing file tree in a place.
func copiedTo(t *testing.T, kind string, settings map[string]any, secret func(context.Context, string) (string, error)) *shop {
	t.Helper()
	place, err := config.Choose[storage.Place](kind, settings)
	if err != nil {
		t.Fatal(err)
	}
	s := shopIn(t, t.TempDir(), place, secret)
	for n := range 20 {
		s.must(os.WriteFile(filepath.Join(s.files, fmt.Sprint(n)), []byte(text(n+1, 64)), 0o600))
	}
	s.copy()
	s.must(os.WriteFile(filepath.Join(s.files, "0"), []byte(text(500, 64)), 0o600))
	s.copy()
	return s
}

// judged has restic check every byte of the repository, restore it and compare.
func (s *shop) judged(env []string, args ...string) {
	s.t.Helper()
	restic := real.Need(s.t, "restic")
	if restic == "" {
		return
	}
	target := s.t.TempDir()
	for _, verb := range [][]string{{"check", "--read-data"}, {"restore", "latest", "--target", target}} {
		cmd := exec.Command(restic, append(append([]string{"--no-cache"}, args...), verb...)...)
		cmd.Env = append(append(os.Environ(), "RESTIC_PASSWORD="+password), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Fatalf("restic %v: %v\n%s", verb, err, out)
		}
	}
	s.must(filepath.WalkDir(s.files, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(target, path))
		if err == nil && string(got) != string(want) {
			err = fmt.Errorf("%s came back with other bytes", path)
		}
		return err
	}))
}

func TestARepositoryInABucketIsResticsAndHeld(t *testing.T) {
	server := real.StartS3(t)
	server.Bucket(t, "backup", true)
	s := copiedTo(t, "s3", map[string]any{
		"endpoint": server.Endpoint, "bucket": "backup", "prefix": "shop", "region": "us-east-1", "lock": "240h",
		"access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"},
	}, func(_ context.Context, name string) (string, error) {
		return map[string]string{"id": server.ID, "key": server.Key, "backup": password}[name], nil
	})
	s.judged([]string{"AWS_ACCESS_KEY_ID=" + server.ID, "AWS_SECRET_ACCESS_KEY=" + server.Key}, "-r", "s3:"+server.Endpoint+"/backup/shop")

	repo, err := s.b.Open(t.Context(), "main")
	s.must(err)
	defer func() { s.must(repo.Close()) }()
	now := time.Now()
	for _, c := range []struct {
		name     string
		at       time.Time
		extended bool
	}{{"young retentions stay", now, false}, {"old ones are extended", now.Add(100 * time.Hour), true}, {"once", now.Add(101 * time.Hour), false}} {
		held, err := repo.Hold(t.Context(), c.at)
		s.must(err)
		if held.Files < 5 || (held.Extended == held.Files) != c.extended || !c.extended && held.Extended != 0 || held.Until.Before(c.at.Add(120*time.Hour)) {
			t.Errorf("%s: %+v at %s", c.name, held, c.at)
		}
	}
}

func TestARepositoryBehindSSHIsRestics(t *testing.T) {
	h := real.StartSSHD(t, "Subsystem sftp internal-sftp")
	if h == nil {
		return
	}
	folder := filepath.Join(t.TempDir(), "repo")
	s := copiedTo(t, "sftp", map[string]any{"host": "target", "config": h.Config, "folder": folder}, func(context.Context, string) (string, error) { return password, nil })
	s.judged(nil, "-r", folder)
	info, err := s.b.Start(t.Context(), backup.KindVerify, "main", "test", "", backup.Request{Part: 1})
	s.must(err)
	_, err = s.b.Engine.Wait(t.Context(), info.ID)
	s.must(err)
}
