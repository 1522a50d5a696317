package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// Folder copies one folder with all that is in it and returns its node, for a snapshot that the caller composes. Before is the node of the last copy, of which only what
// changed is read; nil reads all. The caller holds a lock of the repository until a snapshot has the node.
func Folder(ctx context.Context, repo *repository.Repository, path string, before *repository.Node, opt Options) (repository.Node, Result, error) {
	began := time.Now()
	b := &backup{repo: repo, opt: opt, ids: newNames(), jobs: make(chan job), tickets: make(chan struct{}, 2048)}
	var n repository.Node
	var err error
	if b.exclude, err = parsePatterns(opt.Exclude); err != nil {
		return n, Result{}, err
	}
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("it is %s, want a folder", info.Mode().Type())
	}
	if err == nil {
		err = b.ids.describe(&n, filepath.Clean(path), info)
	}
	if err != nil {
		return n, Result{}, fmt.Errorf("copy %s: %w", path, err)
	}
	ctx, b.stop = context.WithCancel(ctx)
	defer b.stop()
	b.saver = repo.NewSaver(ctx, opt.Save)
	quiet := b.report(ctx)
	tree, err := b.folder(ctx, path, before)
	quiet()
	if err != nil {
		return n, Result{}, errors.Join(err, b.saver.Abort())
	}
	n.Subtree = &tree
	saved, err := b.saver.Finish()
	if err != nil {
		return n, Result{}, err
	}
	return n, b.result(tree, saved, began), nil
}

// folder reads a whole folder, and returns its list.
func (b *backup) folder(ctx context.Context, path string, before *repository.Node) (repository.ID, error) {
	top := newFolder(filepath.Clean(path), nil, 0)
	if before != nil {
		top.remember(ctx, b, before.Subtree)
	}
	return b.run(ctx, top, nil)
}

// run walks from the topmost folder on while workers read files.
func (b *backup) run(ctx context.Context, top *folder, paths []string) (repository.ID, error) {
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() { b.work(ctx) })
	}
	var result repository.ID
	ready := make(chan struct{})
	top.done = func(id repository.ID) { result = id; close(ready) }
	b.enter(ctx, top, paths)
	close(b.jobs)
	workers.Wait()
	b.mu.Lock()
	failure := b.failure
	b.mu.Unlock()
	if failure == nil {
		failure = ctx.Err()
	}
	if failure != nil {
		return result, failure
	}
	<-ready
	return result, nil
}

// result counts what was done.
func (b *backup) result(tree repository.ID, saved repository.Saved, began time.Time) Result {
	res := Result{
		Tree: tree, Files: b.files.Load(), Unchanged: b.unchanged.Load(), Folders: b.folders.Load(), Bytes: b.bytes.Load(), Excluded: b.excluded.Load(), Saved: saved,
		Problems: b.problems, Took: time.Since(began),
	}
	if b.more > 0 {
		res.Problems = append(res.Problems, Problem{Path: "...", Text: fmt.Sprintf("%d more problems", b.more)})
	}
	return res
}
