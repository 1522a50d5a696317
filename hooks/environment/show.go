package environment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Show fetches one file of a repository as a branch, a tag or a commit has it now, and tells which commit that is. Nothing of it is kept.
func Show(ctx context.Context, repo, ref, file string) (commit string, content []byte, err error) {
	if strings.HasPrefix(repo, "-") || strings.HasPrefix(ref, "-") {
		return "", nil, fmt.Errorf("%q and %q: one of them is an option, want a repository and a ref", repo, ref)
	}
	dir, err := os.MkdirTemp("", "goodstate-policy-*")
	if err != nil {
		return "", nil, fmt.Errorf("folder to fetch into: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := command(ctx, dir, nil, "git", "init", "-q", "--bare"); err != nil {
		return "", nil, err
	}
	if err := command(ctx, dir, nil, "git", "fetch", "-q", "--depth=1", "--", repo, ref); err != nil {
		return "", nil, fmt.Errorf("%s (%s) cannot be fetched: %w", repo, ref, err)
	}
	id, err := read(ctx, dir, "rev-parse", "--verify", "FETCH_HEAD^{commit}")
	if err != nil {
		return "", nil, err
	}
	commit = strings.TrimSpace(string(id))
	if content, err = read(ctx, dir, "cat-file", "blob", commit+":"+file); err != nil {
		return "", nil, fmt.Errorf("%s has no file %s at %s: %w", repo, file, ref, err)
	}
	return commit, content, nil
}

// read is what a Git command says.
func read(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, reaching(), &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, end(errs.String()))
	}
	return out.Bytes(), nil
}
