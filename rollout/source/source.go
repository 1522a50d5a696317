// Package source turns the name of a version into a folder with the built release, and keeps what was built. Releases are
// Git commits; a commit that was built once needs neither Git nor a network again.
package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// Config says where releases come from.
type Config struct {
	Git     string          `yaml:"git" json:"git" default:"." help:"path or URL of the Git repository; a path is taken from the folder of goodstate.yaml"`
	Path    string          `yaml:"path" json:"path,omitempty" help:"folder in the repository that is the service" example:"services/shop"`
	Build   string          `yaml:"build" json:"build,omitempty" help:"command that builds a release, run in its folder" example:"go build -o shop ."`
	Timeout config.Duration `yaml:"timeout" json:"timeout,omitempty" default:"10m" help:"how long building may take"`
	Keep    int             `yaml:"keep" json:"keep,omitempty" default:"5" help:"how many built releases stay on this machine besides those that are known good"`
}

// Options are what a Source stands on.
type Options struct {
	Dir     string // folder for what is kept
	Config  Config
	Service string
	Base    string // folder that a relative repository is taken from
}

// Source resolves and builds the versions of one service.
type Source struct{ Options }

// New returns a source; nothing is read or written yet.
func New(o Options) *Source { return &Source{o} }

// UnknownVersionError says that a version is no tag, branch or commit of the repository.
type UnknownVersionError struct {
	Version, Repository string
	Nearest             []string
}

// Error names what there is.
func (e *UnknownVersionError) Error() string {
	s := fmt.Sprintf("%q is not a tag, branch or commit of %s", e.Version, e.Repository)
	if len(e.Nearest) > 0 {
		s += "; there are " + strings.Join(e.Nearest, ", ")
	}
	return s
}

var versionName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}$`)

var scpLike = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)

// place is the repository's path or address, and whether it is on another machine as far as its name tells.
func (c *Config) place(base string) (where string, remote bool) {
	where = c.Git
	if where == "" {
		where = "."
	}
	if strings.Contains(where, "://") || scpLike.MatchString(where) {
		return where, true
	}
	if !filepath.IsAbs(where) {
		where = filepath.Join(base, where)
	}
	return where, false
}

// Same tells whether the configuration's repository is the one in this folder of the same machine; a work tree and its .git are the same.
func Same(base string, c Config, gitDir string) bool {
	where, remote := c.place(base)
	if remote {
		return false
	}
	real := func(path string) string {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			path = resolved
		}
		return strings.TrimSuffix(filepath.Clean(path), "/.git")
	}
	return real(where) == real(gitDir)
}

// Reach says why git cannot read the repository, if it cannot. Nothing is copied.
func Reach(ctx context.Context, base string, c Config) error {
	where, _ := c.place(base)
	_, err := git(ctx, base, "ls-remote", "--quiet", "--exit-code", "--heads", "--", where)
	return err
}

// repository is the folder that git is asked in: the repository itself, or a local copy of a remote one.
func (s *Source) repository(ctx context.Context) (dir string, err error) {
	where, remote := s.Config.place(s.Base)
	if !remote {
		if _, err := git(ctx, where, "rev-parse", "--git-dir"); err != nil {
			return "", fmt.Errorf("%s is not a Git repository: %w", where, err)
		}
		return where, nil
	}
	mirror := filepath.Join(s.Dir, "mirror.git")
	if _, err := os.Stat(mirror); err != nil {
		if err := os.MkdirAll(s.Dir, 0o700); err != nil {
			return "", fmt.Errorf("folder of the local copy: %w", err)
		}
		if _, err := git(ctx, s.Dir, "clone", "--quiet", "--mirror", "--", where, mirror+".tmp"); err != nil {
			return "", errors.Join(fmt.Errorf("copy %s: %w", where, err), os.RemoveAll(mirror+".tmp"))
		}
		if err := os.Rename(mirror+".tmp", mirror); err != nil {
			return "", fmt.Errorf("copy %s: %w", where, err)
		}
		return mirror, nil
	}
	if _, err := git(ctx, mirror, "fetch", "--quiet", "--prune", "--tags", "origin"); err != nil && ctx.Err() != nil {
		return "", ctx.Err()
	}
	return mirror, nil // not being reached now only means that nothing new is known
}

// Resolve finds the commit of a version: a tag, a branch or a commit id.
func (s *Source) Resolve(ctx context.Context, version string) (good.Release, error) {
	if !versionName.MatchString(version) || strings.Contains(version, "..") {
		return good.Release{}, &UnknownVersionError{Version: version, Repository: s.Config.Git}
	}
	repo, err := s.repository(ctx)
	if err != nil {
		return good.Release{}, err
	}
	out, err := git(ctx, repo, "rev-parse", "--verify", "--quiet", "--end-of-options", version+"^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return good.Release{}, ctx.Err()
		}
		return good.Release{}, &UnknownVersionError{Version: version, Repository: repo, Nearest: names(ctx, repo, version)}
	}
	r := good.Release{Service: s.Service, Version: version, Commit: strings.TrimSpace(out)}
	if len(version) == len(r.Commit) {
		r.Version = version[:10]
	}
	subject, err := git(ctx, repo, "log", "-1", "--format=%s", r.Commit, "--")
	r.Subject = strings.TrimSpace(subject)
	return r, err
}

// names lists tags and branches, the nearest to a wrong name first.
func names(ctx context.Context, repo, wrong string) []string {
	out, err := git(ctx, repo, "for-each-ref", "--sort=-creatordate", "--count=200", "--format=%(refname:short)", "refs/tags", "refs/heads")
	if err != nil {
		return nil
	}
	all := strings.Fields(out)
	if near := config.Nearest(wrong, all); near != "" {
		all = append([]string{near}, all...)
		for i := 1; i < len(all); i++ {
			if all[i] == near {
				all = append(all[:i], all[i+1:]...)
				break
			}
		}
	}
	return all[:min(len(all), 5)]
}

// Commit is one commit between two releases.
type Commit struct {
	ID      string
	Author  string
	When    time.Time
	Subject string
	Files   []string // what it touches, at most some
}

// FileChange is one file that differs between two releases.
type FileChange struct {
	Path    string
	Added   int
	Removed int
}

const (
	mostChanges = 200
	mostTouched = 50 // files of one commit
)

// Changes lists the commits and files that are in one release and not in the other, at most 200 of each.
func (s *Source) Changes(ctx context.Context, from, to good.Release) ([]Commit, []FileChange, error) {
	repo, err := s.repository(ctx)
	if err != nil {
		return nil, nil, err
	}
	out, err := git(ctx, repo, "log", fmt.Sprintf("--max-count=%d", mostChanges), "--name-only", "--no-renames", "--no-ext-diff", "--format=%x01%H%x00%an%x00%ct%x00%s", from.Commit+".."+to.Commit, "--")
	if err != nil {
		return nil, nil, fmt.Errorf("commits between %s and %s: %w", from.Version, to.Version, err)
	}
	var commits []Commit
	for line := range strings.Lines(out) {
		head, isHead := strings.CutPrefix(strings.TrimRight(line, "\n"), "\x01")
		parts := strings.SplitN(head, "\x00", 4)
		if !isHead || len(parts) != 4 {
			if n := len(commits) - 1; n >= 0 && head != "" && len(commits[n].Files) < mostTouched {
				commits[n].Files = append(commits[n].Files, head)
			}
			continue
		}
		var seconds int64
		if _, err := fmt.Sscan(parts[2], &seconds); err != nil {
			return nil, nil, fmt.Errorf("time of commit %s: %w", parts[0], err)
		}
		commits = append(commits, Commit{ID: parts[0], Author: parts[1], When: time.Unix(seconds, 0), Subject: parts[3]})
	}
	out, err = git(ctx, repo, "diff", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", from.Commit, to.Commit, "--")
	if err != nil {
		return commits, nil, fmt.Errorf("files between %s and %s: %w", from.Version, to.Version, err)
	}
	var files []FileChange
	for line := range strings.Lines(out) {
		parts := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		if len(parts) != 3 || len(files) == mostChanges {
			continue
		}
		f := FileChange{Path: parts[2]}
		if parts[0] != "-" { // a binary file has no lines
			if _, err := fmt.Sscan(parts[0], &f.Added); err != nil {
				return commits, files, fmt.Errorf("changes of %s: %w", f.Path, err)
			}
			if _, err := fmt.Sscan(parts[1], &f.Removed); err != nil {
				return commits, files, fmt.Errorf("changes of %s: %w", f.Path, err)
			}
		}
		files = append(files, f)
	}
	return commits, files, nil
}
