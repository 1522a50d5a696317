package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// Part is a file of a composed snapshot that is read now.
type Part struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Compose makes a snapshot of one folder from files that the repository has already, which are not read again, and from parts that are read now. An error of any part
// means that there is no snapshot.
func Compose(ctx context.Context, repo *repository.Repository, keep []repository.Node, parts []Part, opt Options) (Result, error) {
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	b := &backup{repo: repo, opt: opt, ids: newNames(), stop: stop}
	defer stop()
	b.saver = repo.NewSaver(ctx, opt.Save)
	quiet := b.report(ctx)
	nodes := slices.Clone(keep)
	var size int64
	var err error
	for _, p := range parts {
		var n repository.Node
		if n, err = b.part(ctx, p, began); err != nil {
			break
		}
		size += int64(n.Size)
		nodes = append(nodes, n)
	}
	quiet()
	var failed *saveError
	if errors.As(err, &failed) {
		err = failed.err
	}
	slices.SortFunc(nodes, func(x, y repository.Node) int { return strings.Compare(x.Name, y.Name) })
	var tree repository.ID
	if err == nil {
		tree, err = b.saver.SaveFolder(repository.Folder{Nodes: nodes})
	}
	if err != nil {
		return Result{}, errors.Join(err, b.saver.Abort())
	}
	saved, err := b.saver.Finish()
	if err != nil {
		return Result{}, err
	}
	res := Result{Tree: tree, Files: int64(len(parts)), Bytes: size, Saved: saved}
	snap := repository.Snapshot{Time: opt.Time, Tree: tree, Paths: []string{"/"}, Tags: opt.Tags, Hostname: opt.Hostname}
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

// Hold saves one file that no snapshot has yet, and returns what Compose takes. The caller holds a lock of the repository until a snapshot has it, or prune would delete it.
func Hold(ctx context.Context, repo *repository.Repository, p Part, opt Options) (repository.Node, Result, error) {
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	b := &backup{repo: repo, opt: opt, ids: newNames(), stop: stop}
	defer stop()
	b.saver = repo.NewSaver(ctx, opt.Save)
	quiet := b.report(ctx)
	n, err := b.part(ctx, p, began)
	quiet()
	var failed *saveError
	if errors.As(err, &failed) {
		err = failed.err
	}
	if err != nil {
		return n, Result{}, errors.Join(err, b.saver.Abort())
	}
	saved, err := b.saver.Finish()
	return n, Result{Files: 1, Bytes: int64(n.Size), Saved: saved, Took: time.Since(began)}, err
}

func (b *backup) part(ctx context.Context, p Part, at time.Time) (n repository.Node, err error) {
	from, err := p.Open()
	if err != nil {
		return n, fmt.Errorf("%s: %w", p.Name, err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	n = repository.Node{Name: repository.QuoteName(p.Name), Type: "file", Mode: 0o600, ModTime: at, AccessTime: at, ChangeTime: at, Links: 1, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	n.User, n.Group = b.ids.of(n.UID, n.GID)
	return n, b.chunks(ctx, from, &n, b.repo.Chunker())
}
