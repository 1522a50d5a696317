package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// marker is the file that says that a release's folder is whole; it stands beside the folder.
const marker = ".json"

// folder is where a release is kept: by its commit and by how it was built.
func (s *Source) folder(r good.Release) string {
	return filepath.Join(s.Dir, "releases", r.Commit+"-"+config.Digest([]string{s.Config.Path, s.Config.Build})[:8])
}

// Build makes the folder of a release: exactly its commit, built. What is there already and whole is returned as it is.
func (s *Source) Build(ctx context.Context, r good.Release) (string, good.Release, error) {
	dir := s.folder(r)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", r, fmt.Errorf("folder of releases: %w", err)
	}
	lock := flock.New(dir + ".lock")
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return "", r, fmt.Errorf("build of %s: %w", r.Version, err)
	}
	defer func() { _ = lock.Close() }() // closing frees it
	if s.Verify(ctx, r) == nil {
		kept, err := s.kept(r)
		return filepath.Join(dir, s.Config.Path), with(r, kept), err
	}
	tmp := dir + ".tmp"
	if err := errors.Join(os.RemoveAll(tmp), os.RemoveAll(dir), os.RemoveAll(dir+marker)); err != nil {
		return "", r, fmt.Errorf("make room for %s: %w", r.Version, err)
	}
	if err := s.make(ctx, r, tmp); err != nil {
		return "", r, errors.Join(err, os.RemoveAll(tmp))
	}
	digest, err := digestOf(tmp)
	if err != nil {
		return "", r, fmt.Errorf("digest of %s: %w", r.Version, err)
	}
	r.Artifact, r.Built = digest, time.Now().UTC().Truncate(time.Second)
	text, err := json.Marshal(r)
	if err != nil {
		return "", r, fmt.Errorf("record of %s: %w", r.Version, err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", r, fmt.Errorf("keep %s: %w", r.Version, err)
	}
	return filepath.Join(dir, s.Config.Path), r, os.WriteFile(dir+marker, text, 0o600)
}

// Look checks the commit out into a folder that is made anew, without building it, and returns the service's own folder in it.
func (s *Source) Look(ctx context.Context, r good.Release, into string) (string, error) {
	return filepath.Join(into, s.Config.Path), s.checkout(ctx, r, into)
}

// make checks the commit out and runs the build command in it.
func (s *Source) make(ctx context.Context, r good.Release, tmp string) error {
	if err := s.checkout(ctx, r, tmp); err != nil || s.Config.Build == "" {
		return err
	}
	return s.command(ctx, r, filepath.Join(tmp, s.Config.Path))
}

func (s *Source) checkout(ctx context.Context, r good.Release, tmp string) error {
	repo, err := s.repository(ctx)
	if err != nil {
		return err
	}
	if _, err := git(ctx, filepath.Dir(tmp), "clone", "--quiet", "--no-checkout", "--shared", "--", repo, tmp); err != nil {
		return fmt.Errorf("check out %s: %w", r.Version, err)
	}
	if _, err := git(ctx, tmp, "checkout", "--quiet", "--detach", r.Commit, "--"); err != nil {
		return fmt.Errorf("check out %s: %w", r.Version, err)
	}
	if err := os.RemoveAll(filepath.Join(tmp, ".git")); err != nil {
		return fmt.Errorf("check out %s: %w", r.Version, err)
	}
	return nil
}

// command runs the build; a failing one is told with its last lines.
func (s *Source) command(ctx context.Context, r good.Release, dir string) error {
	limit := time.Duration(s.Config.Timeout)
	if limit <= 0 {
		limit = 10 * time.Minute
	}
	limited, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer stop()
	logPath := filepath.Join(s.Dir, "build.log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("log of the build: %w", err)
	}
	cmd := exec.CommandContext(limited, "/bin/sh", "-c", s.Config.Build)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GIT_") })
	cmd.Env = append(cmd.Env, "GOODSTATE_SERVICE="+s.Service, "GOODSTATE_VERSION="+r.Version, "GOODSTATE_COMMIT="+r.Commit)
	err = cmd.Run()
	if closed := log.Close(); err == nil {
		err = closed
	}
	if limited.Err() != nil {
		err = context.Cause(limited)
	}
	if err != nil {
		return fmt.Errorf("build of %s with %q failed: %w; the last lines of %s:\n%s", r.Version, s.Config.Build, err, logPath, lastLines(logPath, 20))
	}
	return nil
}

func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\t" + strings.Join(lines[max(0, len(lines)-n):], "\n\t")
}

func (s *Source) kept(r good.Release) (good.Release, error) {
	var kept good.Release
	text, err := os.ReadFile(s.folder(r) + marker)
	if err != nil {
		return kept, fmt.Errorf("%s is not kept here: %w", r.Version, err)
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return kept, fmt.Errorf("record of %s: %w", r.Version, err)
	}
	return kept, nil
}

func with(r, kept good.Release) good.Release {
	r.Artifact, r.Built = kept.Artifact, kept.Built
	return r
}

// Verify says whether the folder of a release is what was built, to the byte.
func (s *Source) Verify(_ context.Context, r good.Release) error {
	kept, err := s.kept(r)
	if err != nil {
		return err
	}
	digest, err := digestOf(s.folder(r))
	if err != nil {
		return fmt.Errorf("digest of %s: %w", r.Version, err)
	}
	if digest != kept.Artifact {
		return fmt.Errorf("the folder of %s was changed after it was built", r.Version)
	}
	return nil
}

// Collect removes kept releases: all but the newest ones and those of the commits named.
func (s *Source) Collect(ctx context.Context, commits []string) error {
	dir := filepath.Join(s.Dir, "releases")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kept releases: %w", err)
	}
	type kept struct {
		name string
		at   time.Time
	}
	var all []kept
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), marker)
		info, err := e.Info()
		if !ok || err != nil || slices.ContainsFunc(commits, func(c string) bool { return c != "" && strings.HasPrefix(name, c) }) {
			continue
		}
		all = append(all, kept{name, info.ModTime()})
	}
	slices.SortFunc(all, func(a, b kept) int { return b.at.Compare(a.at) })
	for _, k := range all[min(len(all), max(s.Config.Keep, 1)):] {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		path := filepath.Join(dir, k.name)
		if err := errors.Join(os.RemoveAll(path+marker), os.RemoveAll(path), os.RemoveAll(path+".lock")); err != nil {
			return fmt.Errorf("remove release %s: %w", k.name, err)
		}
	}
	return nil
}
