package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mark is in every hook that Install writes.
const mark = "# written by goodstate hooks serve"

const before = ".before-goodstate"

// Quote makes one word of a shell of any text.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Install writes hooks that start the program with the given arguments, by the hook's name, and returns their paths. A hook that is there already is kept
// beside and started first, with the same standard input; what it refuses is refused. Installing again changes nothing.
func Install(folder, program string, wanted map[string]string) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("folder of the hooks: %w", err)
	}
	var done []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		path := filepath.Join(folder, name)
		was, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return done, fmt.Errorf("hook that is there: %w", err)
		case !bytes.Contains(was, []byte(mark)):
			if _, err := os.Lstat(path + before); err == nil {
				return done, fmt.Errorf("%s and %s are both there and not of goodstate; remove one of them", path, path+before)
			}
			if err := os.Rename(path, path+before); err != nil {
				return done, fmt.Errorf("keep the hook that is there: %w", err)
			}
		}
		if err := put(path, script(program, wanted[name])); err != nil {
			return done, err
		}
		done = append(done, path)
	}
	return done, nil
}

// script hands standard input to the hook that was there before, if there is one, and to goodstate.
func script(program, arguments string) string {
	return `#!/bin/sh
` + mark + `
set -eu
kept="$0` + before + `"
if [ -x "$kept" ]; then
	said=$(mktemp "${TMPDIR:-/tmp}/goodstate.XXXXXX")
	trap 'rm -f "$said"' EXIT
	cat >"$said"
	"$kept" "$@" <"$said"
	` + Quote(program) + ` ` + arguments + ` <"$said"
	exit
fi
exec ` + Quote(program) + ` ` + arguments + `
`
}

func put(path, text string) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(text), 0o755); err != nil {
		return fmt.Errorf("write the hook: %w", err)
	}
	if err := errors.Join(os.Chmod(tmp, 0o755), os.Rename(tmp, path)); err != nil {
		return fmt.Errorf("write the hook %s: %w", path, err)
	}
	return nil
}

// GitDir is the absolute path of the repository's own folder.
func (r Repository) GitDir(ctx context.Context) (string, error) {
	out, err := r.run(ctx, nil, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return "", fmt.Errorf("no repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Show reads a file of a branch as it is now.
func (r Repository) Show(ctx context.Context, branch, name string) ([]byte, error) {
	full := branch
	if !strings.HasPrefix(branch, "refs/") {
		full = "refs/heads/" + branch
	}
	return r.run(ctx, nil, "cat-file", "blob", full+":"+name)
}

// Offer lets people give reasons with a push.
func (r Repository) Offer(ctx context.Context) error {
	_, err := r.run(ctx, nil, "config", "receive.advertisePushOptions", "true")
	return err
}
