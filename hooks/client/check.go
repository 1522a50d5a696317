package client

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
)

// check runs one job. In place it must leave its files as they are.
func (r *round) check(ctx context.Context, d duty, root string) Result {
	if d.job.Fix {
		return r.wouldRepair(ctx, d, root)
	}
	watched := root == r.repo.Top && !d.job.OnDisk
	var before []stamp
	if watched {
		before = r.stamps(d.files)
	}
	result := r.exec(ctx, d.job, root, pathsOf(d.files))
	if !watched {
		return result
	}
	var changed []string
	for i, s := range r.stamps(d.files) {
		if f := d.files[i]; s != before[i] && f.disk == same {
			if content, err := r.folders.read(f.path, false); err != nil || blobID(content, f.oid) != f.oid {
				changed = append(changed, f.path)
			}
		}
	}
	if len(changed) > 0 && result.Good {
		result.Good = false
		result.Why = "changed " + abridged(changed) + "; if that is its work, say fix: true in " + configName
	}
	return result
}

// stamp tells without reading whether a file was written.
type stamp struct {
	size, modified int64
	inode          uint64
}

func (r *round) stamps(files []*file) []stamp {
	all := make([]stamp, len(files))
	for i, f := range files {
		info, err := os.Lstat(filepath.Join(r.repo.Top, f.path))
		if err != nil {
			continue
		}
		all[i] = stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
		if sys, ok := info.Sys().(*syscall.Stat_t); ok {
			all[i].inode = sys.Ino
		}
	}
	return all
}
