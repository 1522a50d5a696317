package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"goodstate.dev/goodstate/backup/repository"
)

// About is what a restore point says of the bucket it was taken from: the file bucket.json at its root.
type About struct {
	Bucket    string   `json:"bucket"`
	Prefix    string   `json:"prefix,omitempty"`
	Versioned bool     `json:"versioned"` // the bucket kept versions then
	Objects   int64    `json:"objects"`
	Problems  []string `json:"problems,omitempty"`
}

const (
	aboutFile     = "bucket.json"
	objectsFolder = "objects"
)

// Copied counts what a copy has.
type Copied struct {
	Tree     repository.ID
	Saved    repository.Saved
	Objects  int64
	Bytes    int64 // of all objects
	Read     int64 // of those that were read, since the restore point before did not have them
	Problems []string
}

// workers read objects at the same time.
const workers = 6

// item is an object on its way into the repository.
type item struct {
	listed minio.ObjectInfo
	before *repository.Node
	done   chan struct{}
	node   repository.Node
	gone   bool   // it was deleted meanwhile
	why    string // it cannot be read
	err    error
}

// copier is the state of a copy.
type copier struct {
	b     Bucket
	repo  *repository.Repository
	saver *repository.Saver
	say   func(Copied)
	read  atomic.Int64
	res   Copied
}

// Copy saves the objects that are there now, each as it is when it is listed; where the bucket keeps versions, exactly that one. An object that is as it was in the restore
// point before (entity tag, size, time and version) is not read again. What single objects lack is a problem; the copy is incomplete then.
func Copy(ctx context.Context, b Bucket, versioned bool, repo *repository.Repository, before *repository.Snapshot, say func(Copied)) (Copied, error) {
	c := &copier{b: b, repo: repo, say: say}
	c.saver = repo.NewSaver(ctx, repository.SaveOptions{})
	root, err := c.objects(ctx, versioned, newOld(ctx, repo, before))
	if err == nil {
		err = c.finish(root, versioned)
	}
	if err != nil {
		return Copied{}, errors.Join(err, c.saver.Abort())
	}
	c.res.Saved, err = c.saver.Finish()
	return c.res, err
}

// objects reads the objects, several at a time, and makes the tree of them in the order of their keys.
func (c *copier) objects(ctx context.Context, versioned bool, before *old) (repository.Node, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	order, work := make(chan *item, 4*workers), make(chan *item)
	for range workers {
		group.Go(func() {
			cut := c.repo.Chunker()
			for i := range work {
				i.err = c.object(ctx, i, cut)
				close(i.done)
			}
		})
	}
	group.Go(func() {
		defer close(order)
		defer close(work)
		err := c.b.current(ctx, versioned, func(o minio.ObjectInfo) error {
			i := &item{listed: o, before: before.find(ctx, o.Key), done: make(chan struct{})}
			for _, to := range []chan *item{order, work} { // in this order: who waits for an item knows that somebody works on it, or that all has ended
				select {
				case to <- i:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
		if err != nil {
			stop(err)
		}
	})
	t := newTree(c.saver)
	for i := range order {
		if ctx.Err() != nil {
			continue // until who lists has seen it
		}
		select {
		case <-i.done:
		case <-ctx.Done():
			continue
		}
		if err := c.take(t, i); err != nil {
			stop(err)
		}
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return repository.Node{}, err
	}
	return t.root(objectsFolder)
}

// take puts an item that was read into the tree.
func (c *copier) take(t *tree, i *item) error {
	switch {
	case i.err != nil:
		return i.err
	case i.gone:
		return nil
	case i.why != "":
		c.res.Problems = append(c.res.Problems, fmt.Sprintf("%s: %s", i.listed.Key, i.why))
		return nil
	}
	c.res.Objects, c.res.Bytes, c.res.Read = c.res.Objects+1, c.res.Bytes+int64(i.node.Size), c.read.Load()
	if c.res.Objects%64 == 0 || i.node.Size > 8<<20 {
		c.say(c.res)
	}
	return t.add(i.listed.Key, i.node)
}

// object makes the node of an object, by reading it where it is not as before.
func (c *copier) object(ctx context.Context, i *item, cut *repository.Chunker) error {
	if c.unchanged(i) {
		i.node = *i.before
		return nil
	}
	r, info, header, err := c.b.get(ctx, i.listed.Key, i.listed.VersionID)
	if err != nil {
		return i.failed(ctx, err)
	}
	defer r.Close()
	m := metaOf(info, header, i.listed)
	if i.listed.VersionID == "" && strings.Trim(info.ETag, `"`) != strings.Trim(i.listed.ETag, `"`) {
		m.At = info.LastModified.UTC() // it was replaced since it was listed
	}
	n := repository.Node{Type: "file", Mode: 0o600, ModTime: m.At, Links: 1, Content: []repository.ID{}}
	if err := c.content(ctx, r, &n, cut); err != nil {
		return i.failed(ctx, err)
	}
	if n.Size != uint64(info.Size) {
		return fmt.Errorf("object %q: %d bytes came, want %d: %w", i.listed.Key, n.Size, info.Size, io.ErrUnexpectedEOF)
	}
	if m.Tags, err = c.b.tags(ctx, i.listed.Key, i.listed.VersionID); err != nil {
		return i.failed(ctx, err)
	}
	i.node = n
	return m.onNode(&i.node)
}

// failed tells what concerns one object from what ends the copy.
func (i *item) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	why, gone := unreadable(err)
	if i.gone = gone; gone {
		return nil
	}
	if i.why = why; why != "" {
		return nil
	}
	return fmt.Errorf("object %q: %w", i.listed.Key, err)
}

// unchanged says that an object is as it was, and that the repository has all of it.
func (c *copier) unchanged(i *item) bool {
	if i.before == nil || int64(i.before.Size) != i.listed.Size {
		return false
	}
	m, err := metaOn(i.before)
	if err != nil || m.ETag != strings.Trim(i.listed.ETag, `"`) || !m.At.Equal(i.listed.LastModified) || m.Version != i.listed.VersionID {
		return false
	}
	for _, id := range i.before.Content {
		if has, err := c.repo.Has(id); err != nil || !has {
			return false
		}
	}
	return true
}

// content cuts an object and saves its parts.
func (c *copier) content(ctx context.Context, r io.Reader, n *repository.Node, cut *repository.Chunker) error {
	cut.Reset(r)
	for {
		part, err := cut.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		id, _, err := c.saver.Save(repository.Data, part)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, id)
		n.Size += uint64(len(part))
		c.read.Add(int64(len(part)))
	}
}

// finish saves the root.
func (c *copier) finish(objects repository.Node, versioned bool) error {
	slices.Sort(c.res.Problems)
	text, err := json.MarshalIndent(About{Bucket: c.b.Name, Prefix: c.b.Prefix, Versioned: versioned, Objects: c.res.Objects, Problems: c.res.Problems}, "", "  ")
	if err != nil {
		return err
	}
	id, _, err := c.saver.Save(repository.Data, text)
	if err != nil {
		return err
	}
	about := repository.Node{Name: aboutFile, Type: "file", Mode: 0o600, ModTime: time.Time{}, Size: uint64(len(text)), Links: 1, Content: []repository.ID{id}}
	root, err := folder(c.saver, "", []repository.Node{about, objects})
	if err == nil {
		c.res.Tree = *root.Subtree
		c.res.Read = c.read.Load()
	}
	return err
}
