// Package environment has what hooks of other repositories need to run: the repository at the wanted revision, and an environment of its language in which its
// programs are installed. Both are made once and kept in a cache of the user; what is half made is made anew. It must never be asked while Git waits for a
// hook that has all it needs, since it goes to the network.
package environment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Cache is the folder in which repositories and environments are kept.
type Cache struct{ Dir string }

// Default is the user's cache, or the folder that GOODSTATE_CACHE names.
func Default() (Cache, error) {
	if dir := os.Getenv("GOODSTATE_CACHE"); dir != "" {
		return Cache{Dir: dir}, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return Cache{}, fmt.Errorf("folder for environments of hooks: %w; set GOODSTATE_CACHE", err)
	}
	return Cache{Dir: filepath.Join(dir, "goodstate", "hooks")}, nil
}

// Want is an environment: the programs of a repository, and what else is installed beside them.
type Want struct {
	Repo, Rev string // empty for hooks that need nothing but More
	Language  string
	Version   string   // of the language; empty: the one that is there
	More      []string // as the language's installer takes them
}

// installer makes an environment of one language in a folder, and tells where its programs are.
type installer func(ctx context.Context, into, source string, w Want) error

// languages are filled by one file each.
var languages = map[string]installer{}

// Languages tells whether environments of a language can be made.
func Languages(name string) bool { return languages[name] != nil }

const finished = ".finished" // is in a folder of the cache once all of it is there

// make has a folder of the cache made, by one process at a time.
func (c Cache) make(ctx context.Context, name string, fill func(dir string) error) (string, error) {
	dir := filepath.Join(c.Dir, name)
	if done(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", fmt.Errorf("cache of hooks: %w", err)
	}
	held, err := hold(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer held.Close() // which lets go of the lock
	if done(dir) {
		return dir, nil // somebody else has made it meanwhile
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
		return "", fmt.Errorf("cache of hooks: %w", err)
	}
	if err := fill(dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.WriteFile(filepath.Join(dir, finished), nil, 0o644); err != nil {
		return "", fmt.Errorf("cache of hooks: %w", err)
	}
	return dir, nil
}

func done(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, finished))
	return err == nil
}

// hold waits for a lock file, as long as the context allows.
func hold(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock of the cache of hooks: %w", err)
	}
	got := make(chan error, 1)
	go func() { got <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }() // ends when its owner lets go
	select {
	case err = <-got:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

func key(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:12])
}

// Build gives the folder of programs of an environment, and makes it when it is not there.
func (c Cache) Build(ctx context.Context, w Want) (string, error) {
	install := languages[w.Language]
	if install == nil {
		return "", fmt.Errorf("environments of language %s are not made here", w.Language)
	}
	for _, m := range append([]string{w.Version}, w.More...) {
		if strings.HasPrefix(m, "-") {
			return "", fmt.Errorf("%q looks like an option, and is no package", m)
		}
	}
	source := ""
	if w.Repo != "" {
		var err error
		if source, err = c.Source(ctx, w.Repo, w.Rev); err != nil {
			return "", err
		}
	}
	name := key(w.Language, append([]string{w.Repo, w.Rev, w.Version}, w.More...)...)
	dir, err := c.make(ctx, name, func(dir string) error { return install(ctx, dir, source, w) })
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "bin"), nil
}
