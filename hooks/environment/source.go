package environment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// patience is how long one step of making an environment may take.
const patience = 10 * time.Minute

// Source gives the folder with a repository at a revision.
func (c Cache) Source(ctx context.Context, repo, rev string) (string, error) {
	if strings.HasPrefix(repo, "-") || strings.Contains(repo, "::") {
		return "", fmt.Errorf("%q is no address of a repository", repo)
	}
	if rev == "" || strings.HasPrefix(rev, "-") || strings.ContainsAny(rev, ": ") {
		return "", fmt.Errorf("%q is no revision of %s, want a tag or a commit", rev, repo)
	}
	return c.make(ctx, key("source", repo, rev), func(dir string) error {
		git := func(args ...string) error { return command(ctx, dir, nil, "git", args...) }
		if err := git("init", "-q"); err != nil {
			return err
		}
		// One commit where the other side gives it, else all.
		if err := git("fetch", "-q", "--depth=1", "--", repo, rev); err == nil {
			err = git("checkout", "-q", "--detach", "FETCH_HEAD")
			if err == nil {
				return submodules(dir, git)
			}
		} else if ctx.Err() != nil || !reachable(git, repo) {
			return fmt.Errorf("%s cannot be fetched: %w", repo, err)
		}
		if err := git("fetch", "-q", "--tags", "--", repo, "+refs/heads/*:refs/remotes/origin/*"); err != nil {
			return fmt.Errorf("%s cannot be fetched: %w", repo, err)
		}
		if err := git("checkout", "-q", "--detach", rev+"^{commit}", "--"); err != nil {
			return fmt.Errorf("%s has no revision %s: %w", repo, rev, err)
		}
		return submodules(dir, git)
	})
}

// reachable tells a repository that refuses a commit by its name from one that is not there.
func reachable(git func(...string) error, repo string) bool {
	return git("ls-remote", "-q", "--", repo, "HEAD") == nil
}

func submodules(dir string, git func(...string) error) error {
	if _, err := os.Stat(filepath.Join(dir, ".gitmodules")); err != nil {
		return nil
	}
	return git("submodule", "update", "-q", "--init", "--recursive")
}

// Manifest is what a repository says of its hooks.
func (c Cache) Manifest(ctx context.Context, repo, rev string) ([]byte, error) {
	dir, err := c.Source(ctx, repo, rev)
	if err != nil {
		return nil, err
	}
	const name = ".pre-commit-hooks.yaml"
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s at %s has no %s, so it has no hooks", repo, rev, name)
	}
	return data, err
}

// kept are variables of Git that say how to reach a repository, and not which one is meant.
var kept = []string{"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"}

// reaching is the environment for commands that go to other repositories than the one whose hook may have started this.
func reaching() []string {
	all := []string{"GIT_TERMINAL_PROMPT=0"}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "GIT_") || slices.Contains(kept, name) {
			all = append(all, v)
		}
	}
	return all
}

// command runs one step. Its output is shown only when it fails.
func command(ctx context.Context, dir string, env []string, program string, args ...string) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, program, args...)
	cmd.Dir, cmd.Env = dir, append(reaching(), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, args[0], err, end(said.String()))
	}
	return nil
}

// end is the last lines of what a program said, on one line.
func end(said string) string {
	lines := strings.FieldsFunc(said, func(r rune) bool { return r == '\n' || r == '\r' })
	text := strings.Join(lines[max(0, len(lines)-3):], "; ")
	return text[max(0, len(text)-400):]
}
