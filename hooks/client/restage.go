package client

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// restage puts the repaired objects into the index, unless somebody has staged something else meanwhile.
func (r *round) restage(ctx context.Context, plans []change) error {
	indexes := []string{r.index}
	if lock, ok := r.repo.pendingIndex(r.index); ok {
		indexes = append(indexes, lock)
	}
	for n, index := range indexes {
		paths := make([]string, len(plans))
		for i, c := range plans {
			paths[i] = c.f.path
		}
		now, err := r.repo.entries(ctx, index, paths)
		if err != nil {
			return err
		}
		var list bytes.Buffer
		for _, c := range plans {
			is, ok := now[c.f.path]
			if ok && is.oid == c.entry.Old {
				fmt.Fprintf(&list, "%o %s\t%s\x00", uint32(is.mode), c.fix.oid, c.f.path)
			} else if n == 0 {
				return fmt.Errorf("%s was staged anew while the hook ran; commit again", c.f.path)
			}
		}
		if list.Len() == 0 {
			continue
		}
		fault("change the index")
		if _, err := r.repo.git(ctx, index, list.Bytes(), "update-index", "-z", "--index-info"); err != nil {
			return err
		}
		fault("the index is changed")
	}
	return nil
}

// pendingIndex is the index that becomes the real one after git commit PATH: Git commits a temporary one (next-index-PID.lock) and has the other ready
// under index.lock. A repair must be in both, or the next commit would take it back.
func (repo *Repo) pendingIndex(index string) (string, bool) {
	if !strings.HasPrefix(filepath.Base(index), "next-index-") {
		return "", false
	}
	lock := filepath.Join(repo.Dir, "index.lock")
	info, err := os.Lstat(lock)
	return lock, err == nil && info.Mode().IsRegular() && info.Size() > 0
}

// store writes contents as objects and returns their names, in order.
func (r *round) store(ctx context.Context, contents [][]byte) ([]string, error) {
	if len(contents) == 0 {
		return nil, nil
	}
	j, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var list bytes.Buffer
	for i, content := range contents {
		name := j.path(fmt.Sprintf("object-%d", i))
		fault("write a repaired object")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return nil, fmt.Errorf("repaired content: %w", err)
		}
		defer os.Remove(name) // in our own folder, which goes as well
		fmt.Fprintf(&list, "%s\n", quoted(name))
	}
	out, err := r.repo.git(ctx, r.index, list.Bytes(), "hash-object", "-w", "--no-filters", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(string(out))
	if len(ids) != len(contents) {
		return nil, fmt.Errorf("git hash-object named %d of %d objects", len(ids), len(contents))
	}
	return ids, nil
}
