package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Repository is a repository in which Git commands are run. While a push is judged its objects are in quarantine: the environment that Git has
// given this process names it, and is passed on.
type Repository struct {
	Dir string // empty: the current folder, which is where Git starts hooks
}

// command is a git that cannot be talked into running something else by the repository's own configuration.
func (r Repository) command(ctx context.Context, args ...string) *exec.Cmd {
	safe := []string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false", "-c", "core.pager=cat"}
	cmd := exec.CommandContext(ctx, "git", append(safe, args...)...)
	cmd.Dir = r.Dir
	cmd.Env = append(os.Environ(), "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_GRAFT_FILE=/dev/null")
	return cmd
}

// run returns what git says on standard output.
func (r Repository) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := r.command(ctx, args...)
	cmd.Stdin = stdin
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return out, gitError(args, err, errs.String())
	}
	return out, nil
}

func gitError(args []string, err error, said string) error {
	said = strings.TrimSpace(said)
	if len(said) > 500 {
		said = said[:500] + " ..."
	}
	return fmt.Errorf("git %s: %w: %s", args[0], err, said)
}

// contains tells whether a commit is among the ancestors of another.
func (r Repository) contains(ctx context.Context, commit, of string) (bool, error) {
	_, err := r.run(ctx, nil, "merge-base", "--is-ancestor", commit, of)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}

// commits tells for every object the commit that it is or, as a tag, names; the empty string for trees and blobs.
func (r Repository) commits(ctx context.Context, ids []string) (map[string]string, error) {
	var ask strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&ask, "%s^{}\n", id)
	}
	out, err := r.run(ctx, strings.NewReader(ask.String()), "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(ids) && len(ids) > 0 {
		return nil, fmt.Errorf("git cat-file gave %d answers to %d questions", len(lines), len(ids))
	}
	peeled := make(map[string]string, len(ids))
	for i, id := range ids {
		name, kind, _ := strings.Cut(lines[i], " ")
		switch kind {
		case "commit":
			peeled[id] = name
		case "tree", "blob":
			peeled[id] = ""
		default:
			return nil, fmt.Errorf("git cat-file says %.100q of %s, want the kind of an object", lines[i], id)
		}
	}
	return peeled, nil
}

// Commit is the id of what a name means: a branch, a tag, or a commit.
func (r Repository) Commit(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "-") {
		return "", fmt.Errorf("%q is no name of a commit", name)
	}
	out, err := r.run(ctx, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("%q names no commit here", name)
	}
	return strings.TrimSpace(string(out)), nil
}
