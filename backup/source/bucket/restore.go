package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/backup/repository"
)

// Options adjust a restore.
type Options struct {
	Replace bool // objects that are there and different are written over; else nothing is done where there is one
	Plan    bool // nothing is changed
	Compare bool // what was put is read back and compared with its digests
	Say     func(Back)
}

// Back counts what a restore did, or would do.
type Back struct {
	Created  int64
	Updated  int64
	Same     int64
	Bytes    int64 // that were put
	Problems []string
	Changes  []string // of a plan
}

// mostChanges bounds what a plan lists.
const mostChanges = 1000

// restore is the state of one.
type restore struct {
	to    Bucket
	from  string // prefix of the bucket that was copied
	repo  *repository.Repository
	opt   Options
	empty bool // the place has nothing, so that it need not be asked for each object

	mu  sync.Mutex
	res Back
}

// Restore puts the objects of a restore point into a bucket. Objects that are the same stay untouched, and so do objects that the restore point does not have.
func Restore(ctx context.Context, to Bucket, repo *repository.Repository, snap repository.Snapshot, opt Options) (Back, error) {
	about, objects, err := open(ctx, repo, snap)
	if err != nil {
		return Back{}, err
	}
	r := &restore{to: to, from: about.Prefix, repo: repo, opt: opt, empty: true}
	if err := to.each(ctx, false, func(minio.ObjectInfo) error { r.empty = false; return io.EOF }); err != nil && !errors.Is(err, io.EOF) {
		return Back{}, err
	}
	if opt.Plan {
		return r.res, errors.Join(r.walk(ctx, objects, r.plan), nil)
	}
	if !opt.Replace && !r.empty {
		look := &restore{to: to, from: about.Prefix, repo: repo, opt: Options{Plan: true}}
		if err := look.walk(ctx, objects, look.plan); err != nil {
			return Back{}, err
		}
		if n := look.res.Updated; n > 0 {
			return Back{}, fmt.Errorf("%d objects are in %s already, and are different (%s); --replace writes over them", n, to, names(look.res.Changes))
		}
	}
	err = r.walk(ctx, objects, r.put)
	return r.res, err
}

// open reads what a restore point is of.
func open(ctx context.Context, repo *repository.Repository, snap repository.Snapshot) (about About, objects repository.ID, err error) {
	root, err := repo.Folder(ctx, snap.Tree)
	if err != nil {
		return about, objects, err
	}
	for _, n := range root.Nodes {
		switch {
		case n.Name == aboutFile && len(n.Content) == 1:
			text, err := repo.Blob(ctx, n.Content[0])
			if err == nil {
				err = json.Unmarshal(text, &about)
			}
			if err != nil {
				return about, objects, fmt.Errorf("%s: %w", aboutFile, err)
			}
		case n.Name == objectsFolder && n.Subtree != nil:
			objects = *n.Subtree
		}
	}
	if about.Bucket == "" || objects == (repository.ID{}) {
		return about, objects, fmt.Errorf("restore point %s has no bucket in it: want %s and %s", snap.ID.Short(), aboutFile, objectsFolder)
	}
	return about, objects, nil
}

// walk calls do with every object, several at a time.
func (r *restore) walk(ctx context.Context, objects repository.ID, do func(ctx context.Context, key string, n repository.Node, m Meta) error) error {
	group, live := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	err := r.repo.Walk(live, objects, func(at string, n *repository.Node) (bool, error) {
		if n.Type == "dir" {
			return true, live.Err()
		}
		key, err := keyOf(strings.TrimPrefix(at, "/"))
		if err != nil {
			return false, err
		}
		rest, ok := strings.CutPrefix(key, r.from)
		if !ok {
			return false, fmt.Errorf("object %q does not begin with %q, as %s says", key, r.from, aboutFile)
		}
		m, err := metaOn(n)
		if err != nil {
			return false, err
		}
		node, key := *n, r.to.Prefix+rest
		group.Go(func() error { return do(live, key, node, m) })
		return false, live.Err()
	})
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

// compared says whether an object is there, and whether it is the same: by its entity tag, or where that differs by its bytes, since servers make the tags of large objects of
// the parts in which they came.
func (r *restore) compared(ctx context.Context, key string, n repository.Node, m Meta) (there, same bool, err error) {
	if r.empty {
		return false, false, nil
	}
	info, err := r.to.Client.StatObject(ctx, r.to.Name, key, minio.StatObjectOptions{})
	if err != nil {
		if e := minio.ToErrorResponse(err); e.Code == "NoSuchKey" || e.StatusCode == http.StatusNotFound {
			return false, false, nil
		}
		return false, false, fmt.Errorf("object %q of %s: %w", key, r.to, err)
	}
	is := metaOf(info, info.Headers, minio.ObjectInfo{})
	if is.Tags, err = r.to.tags(ctx, key, ""); err != nil {
		return true, false, fmt.Errorf("object %q of %s: %w", key, r.to, err)
	}
	if uint64(info.Size) != n.Size || !is.equal(m) {
		return true, false, nil
	}
	if strings.Trim(info.ETag, `"`) == m.ETag {
		return true, true, nil
	}
	different, err := r.differs(ctx, key, n)
	return true, different == "", err
}

// differs reads an object and compares each part with its digest. "" is that nothing differs.
func (r *restore) differs(ctx context.Context, key string, n repository.Node) (string, error) {
	o, info, _, err := r.to.get(ctx, key, "")
	if err != nil {
		return "", fmt.Errorf("object %q of %s: %w", key, r.to, err)
	}
	defer o.Close()
	if uint64(info.Size) != n.Size {
		return fmt.Sprintf("it has %d bytes, want %d", info.Size, n.Size), nil
	}
	var part []byte
	for _, id := range n.Content {
		size, err := r.repo.SizeOf(id)
		if err != nil {
			return "", err
		}
		if cap(part) < size {
			part = make([]byte, size)
		}
		part = part[:size]
		if _, err := io.ReadFull(o, part); err != nil {
			return "", fmt.Errorf("object %q of %s: %w", key, r.to, err)
		}
		if repository.IDOf(part) != id {
			return "it has other bytes", nil
		}
	}
	return "", nil
}

// plan notes what would become of an object.
func (r *restore) plan(ctx context.Context, key string, n repository.Node, m Meta) error {
	there, same, err := r.compared(ctx, key, n, m)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	verb := "create"
	switch {
	case same:
		r.res.Same++
		return nil
	case there:
		r.res.Updated++
		verb = "replace"
	default:
		r.res.Created++
	}
	r.res.Bytes += int64(n.Size)
	if len(r.res.Changes) < mostChanges {
		r.res.Changes = append(r.res.Changes, fmt.Sprintf("%s %s (%d bytes)", verb, key, n.Size))
	}
	return nil
}

// put brings an object back. What the bucket refuses of one object is a problem, and the others go on.
func (r *restore) put(ctx context.Context, key string, n repository.Node, m Meta) error {
	there, same, err := r.compared(ctx, key, n, m)
	if err != nil {
		return err
	}
	problem := ""
	if !same {
		problem, err = r.write(ctx, key, n, m)
	}
	if err == nil && problem == "" && r.opt.Compare {
		problem, err = r.differs(ctx, key, n)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case problem != "":
		r.res.Problems = append(r.res.Problems, key+": "+problem)
		return nil
	case same:
		r.res.Same++
		return nil
	case there:
		r.res.Updated++
	default:
		r.res.Created++
	}
	r.res.Bytes += int64(n.Size)
	if r.opt.Say != nil {
		r.opt.Say(r.res)
	}
	return nil
}

// write puts an object from the repository, part by part.
func (r *restore) write(ctx context.Context, key string, n repository.Node, m Meta) (problem string, err error) {
	src := &source{ctx: ctx, repo: r.repo, left: n.Content}
	info, err := r.to.Client.PutObject(ctx, r.to.Name, key, src, int64(n.Size), m.put())
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case src.err != nil:
		return "it cannot be read from the repository: " + src.err.Error(), nil
	case err != nil:
		if why, _ := unreadable(err); why != "" {
			return "the bucket refuses it: " + why, nil
		}
		return "", fmt.Errorf("put object %q into %s: %w", key, r.to, err)
	case uint64(info.Size) != n.Size:
		return fmt.Sprintf("%d bytes were taken, want %d", info.Size, n.Size), nil
	}
	if err := r.to.tag(ctx, key, m.Tags); err != nil {
		return err.Error(), nil
	}
	there, err := r.to.Client.StatObject(ctx, r.to.Name, key, minio.StatObjectOptions{}) // what was taken is there: servers were seen that say so and hide it
	switch e := minio.ToErrorResponse(err); {
	case err != nil && (e.Code == "NoSuchKey" || e.StatusCode == http.StatusNotFound):
		return "the server took it, and says that it does not have it", nil
	case err != nil:
		return "", fmt.Errorf("object %q of %s: %w", key, r.to, err)
	case uint64(there.Size) != n.Size:
		return fmt.Sprintf("the server took it, and has %d bytes, want %d", there.Size, n.Size), nil
	}
	return "", nil
}

// source reads the parts of an object from the repository.
type source struct {
	ctx  context.Context //nolint:containedctx // a reader has none of its own
	repo *repository.Repository
	left []repository.ID
	part bytes.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	for s.part.Len() == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if len(s.left) == 0 {
			return 0, io.EOF
		}
		plain, err := s.repo.Blob(s.ctx, s.left[0])
		if err != nil {
			s.err = err
			return 0, err
		}
		s.left = s.left[1:]
		s.part.Reset(plain)
	}
	return s.part.Read(p)
}

// Empty removes everything of a bucket that begins with its prefix, with all versions.
func (b Bucket) Empty(ctx context.Context) error {
	if path.Clean(b.Prefix) == "." && b.Prefix != "" {
		return fmt.Errorf("prefix %q is none that may be emptied", b.Prefix)
	}
	var failed error
	err := b.each(ctx, true, func(o minio.ObjectInfo) error {
		if err := b.Client.RemoveObject(ctx, b.Name, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("remove object %q of %s: %w", o.Key, b, err))
		}
		return nil
	})
	return errors.Join(err, failed)
}
