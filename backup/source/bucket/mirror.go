package bucket

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// original is the metadata with which a replica says the entity tag of what it was made from: those of large objects depend on the parts in which they came.
const original = "goodstate-etag"

// Mirrored counts what a replication did.
type Mirrored struct {
	Same     int64
	Put      int64
	Bytes    int64
	Problems []string
}

// Mirror puts the objects of a bucket into another one, where they lack or are different. What was deleted stays there: a replica that follows deletions is no protection from
// them.
func Mirror(ctx context.Context, from Bucket, versioned bool, to Bucket) (Mirrored, error) {
	var res Mirrored
	var mu sync.Mutex
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	has, next := to.cursor(ctx)
	group, live := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	err := from.current(live, versioned, func(o minio.ObjectInfo) error {
		key := to.Prefix + strings.TrimPrefix(o.Key, from.Prefix)
		for has.Key < key && has.Key != "" {
			has = next()
		}
		if has.Err != nil {
			return fmt.Errorf("list %s: %w", to, has.Err)
		}
		there := has
		group.Go(func() error {
			put, why, err := replicate(live, from, to, o, key, there)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				return err
			case why != "":
				res.Problems = append(res.Problems, o.Key+": "+why)
			case put:
				res.Put, res.Bytes = res.Put+1, res.Bytes+o.Size
			default:
				res.Same++
			}
			return nil
		})
		return nil
	})
	if failed := group.Wait(); failed != nil && !errors.Is(failed, context.Canceled) {
		err = failed
	}
	return res, err
}

// cursor goes through the objects of a bucket one by one. After the last one it gives an empty one.
func (b Bucket) cursor(ctx context.Context) (first minio.ObjectInfo, next func() minio.ObjectInfo) {
	all := b.Client.ListObjects(ctx, b.Name, minio.ListObjectsOptions{Prefix: b.Prefix, Recursive: true})
	next = func() minio.ObjectInfo { return <-all }
	return next(), next
}

// replicate puts one object, if the other bucket does not have it as it is.
func replicate(ctx context.Context, from, to Bucket, o minio.ObjectInfo, key string, there minio.ObjectInfo) (put bool, why string, err error) {
	tag := strings.Trim(o.ETag, `"`)
	if there.Key == key && there.Size == o.Size {
		if strings.Trim(there.ETag, `"`) == tag {
			return false, "", nil
		}
		info, err := to.Client.StatObject(ctx, to.Name, key, minio.StatObjectOptions{})
		if err != nil {
			return false, "", fmt.Errorf("object %q of %s: %w", key, to, err)
		}
		if metaOf(info, info.Headers, o).User[original] == tag {
			return false, "", nil
		}
	}
	r, info, header, err := from.get(ctx, o.Key, o.VersionID)
	if err != nil {
		why, gone := unreadable(err)
		if gone || why != "" {
			return false, why, nil
		}
		return false, "", fmt.Errorf("object %q: %w", o.Key, err)
	}
	defer r.Close()
	m := metaOf(info, header, o)
	if m.Tags, err = from.tags(ctx, o.Key, o.VersionID); err != nil {
		return false, err.Error(), nil
	}
	m.User[original] = m.ETag
	if _, err := to.Client.PutObject(ctx, to.Name, key, r, info.Size, m.put()); err != nil {
		if ctx.Err() != nil {
			return false, "", context.Cause(ctx)
		}
		if why, _ := unreadable(err); why != "" {
			return false, "the other bucket refuses it: " + why, nil
		}
		return false, "", fmt.Errorf("put object %q into %s: %w", key, to, err)
	}
	if err := to.tag(ctx, key, m.Tags); err != nil {
		return false, err.Error(), nil
	}
	return true, "", nil
}
