package client

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// finds is shell that sets $hook to goodstate-hook: where it was installed, else on PATH, as Git may be started by a program with another one.
func finds(hook string) string {
	return "at=" + shellQuoted(hook) + "\n" + `hook=$at
[ -x "$hook" ] || hook=$(command -v goodstate-hook) || {
	echo "goodstate-hook is neither at $at nor on PATH; install goodstate, or take its hooks out: goodstate hooks uninstall" >&2
	exit 1
}
`
}

// shim is the hook that Git starts.
func shim(hook, stage string) []byte {
	return []byte("#!/bin/sh\n" + mark + "\n" + finds(hook) + `exec "$hook" ` + stage + ` --before "$0` + kept + `" -- "$@"` + "\n")
}

func isShim(content []byte) bool { return bytes.HasPrefix(content, []byte("#!/bin/sh\n"+mark+"\n")) }

func installShim(dir, stage string, content []byte) (string, error) {
	path := filepath.Join(dir, stage)
	now, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(now, content):
		return stage + ": is installed already", nil
	case err == nil && isShim(now):
		return stage + ": installed anew", writeWhole(path, content, 0o755)
	case errors.Is(err, fs.ErrNotExist) && !linkAt(path):
		return stage + ": installed", writeWhole(path, content, 0o755)
	case err != nil && !linkAt(path):
		return "", fmt.Errorf("hook %s: %w", path, err)
	}
	if _, err := os.Lstat(path + kept); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is a hook of somebody else, and %s%s is there as well; keep one of them, then install again", path, stage, kept)
	}
	// A link first, so that there is no moment without the old hook or the new one.
	if err := os.Link(path, path+kept); err != nil {
		if err := os.Rename(path, path+kept); err != nil {
			return "", fmt.Errorf("keep the hook that is there: %w", err)
		}
	}
	return fmt.Sprintf("%s: installed; the hook that was there is kept as %s%s and runs before", stage, stage, kept), writeWhole(path, content, 0o755)
}

func linkAt(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func uninstallShim(dir, stage string) (string, error) {
	path := filepath.Join(dir, stage)
	_, err := os.Lstat(path + kept)
	before := err == nil
	now, err := os.ReadFile(path)
	switch {
	case err == nil && isShim(now) && before:
		if err := os.Rename(path+kept, path); err != nil {
			return "", fmt.Errorf("put back the hook that was there: %w", err)
		}
		return stage + ": the hook that was there is back", nil
	case err == nil && isShim(now):
		if err := os.Remove(path); err != nil {
			return "", fmt.Errorf("remove the hook: %w", err)
		}
		return stage + ": removed", nil
	case before:
		return fmt.Sprintf("%s: somebody has put another hook there; it stays, and so does %s%s", stage, stage, kept), nil
	}
	return "", nil
}
