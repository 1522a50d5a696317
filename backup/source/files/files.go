// Package files backs up trees of files and brings them back, byte by byte with modes, owners, times, links, extended attributes and holes. It never follows a
// link out of a tree, and a file that could not be read whole is named, never left out in silence.
package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// Options adjust a backup.
type Options struct {
	Exclude       []string // patterns; without a slash they are compared with the last name, else with the whole path, where ** stands for any folders
	OneFileSystem bool     // do not enter what is mounted in the trees
	Parent        *repository.Snapshot
	Tags          []string
	Hostname      string
	Time          time.Time // of the snapshot; now when zero
	Save          repository.SaveOptions
	Progress      func(Progress) // called a few times a second, from one goroutine
}

// Progress tells how far a backup is.
type Progress struct {
	Files, Folders int64
	Bytes          int64 // read or known to be unchanged
	Now            string
	Saved          repository.Saved
}

// Problem is something that was not copied as it should be.
type Problem struct {
	Path string `json:"path"`
	Text string `json:"text"`
	// Changed says that the file was copied, but changed while it was read.
	Changed bool `json:"changed,omitempty"`
}

func (p Problem) String() string { return p.Path + ": " + p.Text }

// Result is what a backup made.
type Result struct {
	Snapshot  repository.ID    `json:"snapshot"`
	Tree      repository.ID    `json:"tree"`
	Files     int64            `json:"files"`
	Unchanged int64            `json:"unchanged"` // files that were not read because nothing about them changed
	Folders   int64            `json:"folders"`
	Bytes     int64            `json:"bytes"`
	Excluded  int64            `json:"excluded"`
	Saved     repository.Saved `json:"saved"`
	Problems  []Problem        `json:"problems"` // empty means complete
	Took      time.Duration    `json:"took_ns"`
}

// Complete says that every file was copied.
func (r *Result) Complete() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return !p.Changed })
}

// maxProblems is how many problems are told; more are counted.
const maxProblems = 1000

// backup is one under way.
type backup struct {
	repo    *repository.Repository
	saver   *repository.Saver
	opt     Options
	exclude patterns
	ids     *names
	jobs    chan job
	tickets chan struct{} // bounds the files that wait

	files, unchanged, folders, bytes, excluded atomic.Int64
	now                                        atomic.Pointer[string]

	mu       sync.Mutex
	problems []Problem
	more     int
	failure  error
	stop     context.CancelFunc
}

// Backup copies trees into the repository, whose index must be loaded, and makes a snapshot of them. Problems with single files are in the result; an error
// means that there is no snapshot.
func Backup(ctx context.Context, repo *repository.Repository, paths []string, opt Options) (Result, error) {
	began := time.Now()
	paths, err := roots(paths)
	if err != nil {
		return Result{}, err
	}
	b := &backup{repo: repo, opt: opt, ids: newNames(), jobs: make(chan job), tickets: make(chan struct{}, 2048)}
	if b.exclude, err = parsePatterns(opt.Exclude); err != nil {
		return Result{}, err
	}
	ctx, b.stop = context.WithCancel(ctx)
	defer b.stop()
	b.saver = repo.NewSaver(ctx, opt.Save)
	quiet := b.report(ctx)
	tree, err := b.trees(ctx, paths)
	quiet()
	if err != nil {
		return Result{}, errors.Join(err, b.saver.Abort())
	}
	saved, err := b.saver.Finish()
	if err != nil {
		return Result{}, err
	}
	res := b.result(tree, saved, began)
	snap := repository.Snapshot{Time: opt.Time, Tree: tree, Paths: paths, Excludes: opt.Exclude, Tags: opt.Tags, Hostname: opt.Hostname}
	if snap.Time.IsZero() {
		snap.Time = began
	}
	if snap.Hostname == "" {
		snap.Hostname, _ = os.Hostname() // without a name it stays empty
	}
	if opt.Parent != nil {
		snap.Parent = &opt.Parent.ID
	}
	if res.Snapshot, err = repo.SaveSnapshot(ctx, snap); err != nil {
		return res, err
	}
	res.Took = time.Since(began)
	return res, nil
}

// roots makes paths absolute and drops those that lie in another one.
func roots(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("nothing to back up: no path is given")
	}
	var all []string
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		if _, err := os.Lstat(abs); err != nil {
			return nil, fmt.Errorf("back up %s: %w", p, err)
		}
		all = append(all, abs)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(p string) bool {
		return slices.ContainsFunc(all, func(o string) bool { return o != p && strings.HasPrefix(p, strings.TrimSuffix(o, "/")+"/") })
	}), nil
}

func (b *backup) trees(ctx context.Context, paths []string) (repository.ID, error) {
	top := newFolder("/", nil, 0)
	top.keep = true
	if b.opt.Parent != nil {
		top.remember(ctx, b, &b.opt.Parent.Tree)
	}
	return b.run(ctx, top, paths)
}

// fail ends the backup: the repository cannot be written.
func (b *backup) fail(err error) {
	b.mu.Lock()
	if b.failure == nil {
		b.failure = err
	}
	b.mu.Unlock()
	b.stop()
}

func (b *backup) problem(path string, err error) {
	var p *os.PathError
	text := err.Error()
	if errors.As(err, &p) {
		text = p.Op + ": " + p.Err.Error()
	}
	b.tell(Problem{Path: path, Text: text})
}

func (b *backup) tell(p Problem) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.problems) >= maxProblems {
		b.more++
		return
	}
	b.problems = append(b.problems, p)
}

// report calls Progress until the returned function is called.
func (b *backup) report(ctx context.Context) func() {
	if b.opt.Progress == nil {
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
			p := Progress{Files: b.files.Load(), Folders: b.folders.Load(), Bytes: b.bytes.Load(), Saved: b.saver.Progress()}
			if now := b.now.Load(); now != nil {
				p.Now = *now
			}
			b.opt.Progress(p)
		}
	})
	return func() { stop(); done.Wait() }
}
