package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// Stream copies one stream into the repository as a snapshot with a single file of that name. An error of the stream, also at its very end, means that there is no
// snapshot: what a dump program had written when it failed is never taken for a backup.
func Stream(ctx context.Context, repo *repository.Repository, name string, from io.Reader, opt Options) (Result, error) {
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	b := &backup{repo: repo, opt: opt, ids: newNames(), stop: stop}
	defer stop()
	b.saver = repo.NewSaver(ctx, opt.Save)
	n := repository.Node{Name: repository.QuoteName(name), Type: "file", Mode: 0o600, ModTime: began, AccessTime: began, ChangeTime: began, Links: 1}
	n.UID, n.GID = uint32(os.Getuid()), uint32(os.Getgid())
	n.User, n.Group = b.ids.of(n.UID, n.GID)
	quiet := b.report(ctx)
	err := b.chunks(ctx, from, &n, repo.Chunker())
	quiet()
	var failed *saveError
	if errors.As(err, &failed) {
		err = failed.err
	}
	var tree repository.ID
	if err == nil {
		tree, err = b.saver.SaveFolder(repository.Folder{Nodes: []repository.Node{n}})
	}
	if err != nil {
		return Result{}, errors.Join(err, b.saver.Abort())
	}
	saved, err := b.saver.Finish()
	if err != nil {
		return Result{}, err
	}
	res := Result{Tree: tree, Files: 1, Bytes: int64(n.Size), Saved: saved}
	snap := repository.Snapshot{Time: opt.Time, Tree: tree, Paths: []string{"/" + name}, Tags: opt.Tags, Hostname: opt.Hostname}
	if snap.Time.IsZero() {
		snap.Time = began
	}
	if snap.Hostname == "" {
		snap.Hostname, _ = os.Hostname() // without a name it stays empty
	}
	res.Snapshot, err = repo.SaveSnapshot(ctx, snap)
	res.Took = time.Since(began)
	return res, err
}

// Cat writes one file of a snapshot to a stream, in order, and returns its size in bytes.
func Cat(ctx context.Context, repo *repository.Repository, snap repository.Snapshot, path string, to io.Writer) (int64, error) {
	var content []repository.ID
	found := false
	err := repo.Walk(ctx, snap.Tree, func(at string, n *repository.Node) (bool, error) {
		if at == path && n.Type == "file" {
			content, found = n.Content, true
		}
		return !found, nil
	})
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("snapshot %s has no file %s", snap.ID.Short(), path)
	}
	var size int64
	for _, id := range content {
		plain, err := repo.Blob(ctx, id)
		if err != nil {
			return size, err
		}
		n, err := to.Write(plain)
		size += int64(n)
		if err != nil {
			return size, err
		}
	}
	return size, nil
}
