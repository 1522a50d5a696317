package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// RestoreOptions adjust a restore.
type RestoreOptions struct {
	Path     string                // only this file or folder of the snapshot, by its path in it
	Exclude  []string              // patterns as for a backup
	Replace  bool                  // files that are in the way are replaced; without it only an empty or missing target is taken
	Progress func(RestoreProgress) // called a few times a second, from one goroutine
}

// RestoreProgress tells how far a restore is.
type RestoreProgress struct {
	Files, Bytes int64
}

// Restored is what a restore made.
type Restored struct {
	Files    int64         `json:"files"`
	Folders  int64         `json:"folders"`
	Others   int64         `json:"others"` // links, devices, pipes, sockets
	Bytes    int64         `json:"bytes"`
	Problems []Problem     `json:"problems"`
	Took     time.Duration `json:"took_ns"`
}

// restore is one under way.
type restore struct {
	repo    *repository.Repository
	opt     RestoreOptions
	exclude patterns
	root    *os.Root
	result  Restored
	dirs    []placed        // their modes and times are set at the end, children first
	links   map[link]string // first place of a file with several names
	later   []linked        // the other names
	batch   []*pendingFile  // files whose blobs are fetched together
	weight  int64
	bytes   atomic.Int64
	files   atomic.Int64
	backlog backlog
}

type placed struct {
	path string
	node repository.Node
}

type link struct{ inode, device uint64 }

type linked struct{ path, first string }

// Restore brings a snapshot's files back below target. What single files lack is in the result; an error ends it.
func Restore(ctx context.Context, repo *repository.Repository, snap repository.Snapshot, target string, opt RestoreOptions) (Restored, error) {
	began := time.Now()
	r := &restore{repo: repo, opt: opt, links: map[link]string{}}
	var err error
	if r.exclude, err = parsePatterns(opt.Exclude); err != nil {
		return Restored{}, err
	}
	if err := r.prepare(target); err != nil {
		return Restored{}, err
	}
	defer r.root.Close()
	quiet := r.report(ctx)
	err = r.tree(ctx, snap.Tree)
	if err == nil {
		err = r.fetch(ctx)
	}
	quiet()
	if err != nil {
		return r.result, err
	}
	r.finish()
	r.result.Took = time.Since(began)
	r.result.Bytes = r.bytes.Load()
	return r.result, ctx.Err()
}

// report calls Progress until the returned function is called.
func (r *restore) report(ctx context.Context) func() {
	if r.opt.Progress == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			r.opt.Progress(RestoreProgress{Files: r.files.Load(), Bytes: r.bytes.Load()})
		}
	})
	return func() { stop(); done.Wait() }
}

// prepare makes the target, and refuses one with something in it.
func (r *restore) prepare(target string) error {
	if err := os.MkdirAll(target, 0o700); err != nil {
		return fmt.Errorf("restore into %s: %w", target, err)
	}
	entries, err := os.ReadDir(target)
	if err != nil {
		return fmt.Errorf("restore into %s: %w", target, err)
	}
	if len(entries) > 0 && !r.opt.Replace {
		return fmt.Errorf("restore into %s: there are %d files in it already, want an empty folder, or --replace to write over what is in the way", target, len(entries))
	}
	r.root, err = os.OpenRoot(target)
	return err
}

// tree makes folders and everything without content, and collects the files.
func (r *restore) tree(ctx context.Context, id repository.ID) error {
	wanted := path.Clean("/" + r.opt.Path)
	base := wanted
	if wanted != "/" {
		base = path.Dir(wanted)
	}
	found := wanted == "/"
	err := r.repo.Walk(ctx, id, func(at string, n *repository.Node) (bool, error) {
		if wanted != "/" && at != wanted && !strings.HasPrefix(at, wanted+"/") {
			return strings.HasPrefix(wanted, strings.TrimSuffix(at, "/")+"/"), nil // on the way to it
		}
		found = true
		if r.exclude.match(at) {
			return false, nil
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(at, strings.TrimSuffix(base, "/")), "/")
		if err := r.place(ctx, rel, n); err != nil {
			if ctx.Err() != nil || errors.Is(err, errFetch) {
				return false, err
			}
			r.problem(rel, err)
			return false, nil
		}
		return true, nil
	})
	if err == nil && !found {
		err = fmt.Errorf("the snapshot has no %s", wanted)
	}
	return err
}

func (r *restore) problem(at string, err error) {
	var p *fs.PathError
	text := err.Error()
	if errors.As(err, &p) {
		text = p.Op + ": " + p.Err.Error()
	}
	r.backlog.add(Problem{Path: at, Text: text})
}

// place makes one node below the target.
func (r *restore) place(ctx context.Context, at string, n *repository.Node) error {
	if n.Links > 1 && n.Type != "dir" {
		id := link{n.Inode, n.DeviceID}
		if first, ok := r.links[id]; ok {
			r.later = append(r.later, linked{at, first})
			return nil
		}
		r.links[id] = at
	}
	if n.Type == "dir" {
		if err := r.root.Mkdir(at, 0o700); err != nil && !(errors.Is(err, fs.ErrExist) && r.opt.Replace && r.isFolder(at)) {
			return err
		}
		r.dirs = append(r.dirs, placed{at, *n})
		r.result.Folders++
		return nil
	}
	if r.opt.Replace {
		if err := r.root.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if n.Type == "file" {
		return r.file(ctx, at, n)
	}
	r.result.Others++
	return r.other(at, n)
}

func (r *restore) isFolder(at string) bool {
	info, err := r.root.Lstat(at)
	return err == nil && info.IsDir()
}

// finish makes the further names of files, and sets what folders had when nothing in them changes any more.
func (r *restore) finish() {
	for _, l := range r.later {
		if r.opt.Replace {
			if err := r.root.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				r.problem(l.path, err)
				continue
			}
		}
		if err := r.root.Link(l.first, l.path); err != nil {
			r.problem(l.path, err)
		}
	}
	for i := len(r.dirs) - 1; i >= 0; i-- {
		d := &r.dirs[i]
		dir, err := r.root.Open(d.path)
		if err != nil {
			r.problem(d.path, err)
			continue
		}
		if err := errors.Join(settle(dir, &d.node), dir.Close()); err != nil {
			r.problem(d.path, err)
		}
	}
	r.result.Files = r.files.Load()
	r.result.Problems = r.backlog.all
}

// Target is where a path of a snapshot comes to lie below a target.
func Target(target, at string) string { return filepath.Join(target, filepath.FromSlash(at)) }
