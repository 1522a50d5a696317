package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// dying is how long a start waits for the owner of an open run: one that was killed a moment ago may not be gone yet.
const dying = 500 * time.Millisecond

// settleOpen settles what killed runs left in this work tree, and says what it did. A run that is still alive is left alone.
func (repo *Repo) settleOpen(ctx context.Context) ([]string, error) {
	if len(repo.openRuns()) == 0 {
		return nil, nil
	}
	l, err := repo.waitLock(ctx, dying)
	if l == nil || err != nil {
		return nil, err
	}
	said, err := repo.settleRuns(ctx)
	return said, errors.Join(err, l.release())
}

// Recover settles what killed runs left and says what it did.
func Recover(ctx context.Context, repo *Repo) ([]string, error) {
	if len(repo.openRuns()) == 0 {
		return nil, nil
	}
	l, err := repo.waitLock(ctx, 10*dying)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, fmt.Errorf("a hook is at work in %s; wait until it ends, or end it, and try again", repo.Top)
	}
	said, err := repo.settleRuns(ctx)
	return said, errors.Join(err, l.release())
}

// settleRuns settles all runs; the caller holds the lock, so none of them is alive.
func (repo *Repo) settleRuns(ctx context.Context) ([]string, error) {
	var said []string
	for _, dir := range repo.openRuns() {
		more, err := repo.settle(ctx, dir)
		said = append(said, more...)
		if err != nil {
			return said, fmt.Errorf("settle the killed run %s: %w", dir, err)
		}
		fault("remove a settled run")
		if err := os.Remove(filepath.Join(dir, journalName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return said, fmt.Errorf("settled run: %w", err)
		}
		if err := sweep(dir); err != nil {
			said = append(said, fmt.Sprintf("a settled run could not be removed: %v", err))
		}
	}
	return said, nil
}

func (repo *Repo) openRuns() []string {
	all, err := os.ReadDir(repo.own())
	if err != nil {
		return nil // there is no folder yet
	}
	var runs []string
	for _, e := range all {
		if e.IsDir() && strings.HasPrefix(e.Name(), runPrefix) {
			runs = append(runs, filepath.Join(repo.own(), e.Name()))
		}
	}
	return runs
}

// settle ends one run: what it had not put into the index is taken back on disk. A file that somebody has changed since is left alone, and what it was
// before the run is kept beside.
func (repo *Repo) settle(ctx context.Context, dir string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing was touched, or all was done
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var rec record
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, fmt.Errorf("journal %s is damaged: %w; look at the copies beside it, then remove the folder", dir, err)
	}
	if done, err := repo.carriedOut(ctx, rec); done || err != nil {
		return nil, err
	}
	alive := heartbeat(dir, rec)
	var said []string
	for _, e := range rec.Entries {
		if e.Was == "" {
			continue
		}
		name := string(e.Path)
		if err := os.Remove(beside(filepath.Join(repo.Top, name), dir)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDir) {
			return said, fmt.Errorf("left over from the run: %w", err)
		}
		text, err := repo.takeBack(dir, rec, e, alive)
		if err != nil {
			return said, err
		}
		if text != "" {
			said = append(said, text)
		}
	}
	return said, nil
}

// carriedOut is true when the index has what the run wanted: it is changed at once, after the files.
func (repo *Repo) carriedOut(ctx context.Context, rec record) (bool, error) {
	var paths []string
	for _, e := range rec.Entries {
		if e.New == "" || e.New == e.Old {
			return false, nil
		}
		paths = append(paths, string(e.Path))
	}
	if len(paths) == 0 {
		return true, nil
	}
	index := absolute(repo.Dir, rec.Index)
	if _, err := os.Stat(index); err != nil {
		return false, nil // a temporary index that Git has removed
	}
	now, err := repo.entries(ctx, index, paths)
	if err != nil {
		return false, err
	}
	for _, e := range rec.Entries {
		if now[string(e.Path)].oid != e.New {
			return false, nil
		}
	}
	return true, nil
}

// takeBack restores one file.
func (repo *Repo) takeBack(dir string, rec record, e entry, alive time.Time) (string, error) {
	name := string(e.Path)
	before, err := copied(dir, e)
	if err != nil {
		return "", err
	}
	tree := &folders{top: repo.Top, known: map[string]bool{}}
	now, err := tree.read(name, false)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return "", fmt.Errorf("restore %s: %w", name, err)
	}
	inPlace := rec.Job != ""
	switch {
	case !missing && digest(now) == e.Was:
		return "", nil
	case missing && !inPlace:
		return repo.keepBeside(dir, name, before, "it was removed after the run; what it was before is in")
	case missing:
		if err := repo.create(dir, name, before, e.Perm); err != nil {
			return "", fmt.Errorf("restore %s: %w", name, err)
		}
		return fmt.Sprintf("%s: %s was killed after it removed the file; it is back", name, rec.Job), nil
	case !inPlace && digest(now) != e.Next:
		return repo.keepBeside(dir, name, before, "it was changed after the run was killed and stays so; what it was before is in")
	case inPlace && repo.savedAfter(name, alive):
		return repo.keepBeside(dir, name, before, "it was changed after "+rec.Job+" was killed and stays so; what was staged is in")
	}
	text := fmt.Sprintf("%s: a hook was killed before its repair was done; the file is as it was", name)
	if inPlace {
		where, err := repo.keep(dir, name, now)
		if err != nil {
			return "", err
		}
		text = fmt.Sprintf("%s: %s was killed while it worked on it; the file is as it was, and what was found is in %s", name, rec.Job, where)
	}
	fault("restore a file")
	if err := repo.replace(dir, name, digest(now), before, e.Perm); err != nil {
		return "", fmt.Errorf("restore %s: %w", name, err)
	}
	return text, nil
}
