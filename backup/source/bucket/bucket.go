// Package bucket copies the objects of an S3 bucket into a repository and brings them back: key, bytes, content type, headers, user metadata, tags, and of which version and
// time they were. It streams; nothing touches a disk.
package bucket

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/tags"
)

// Bucket is a bucket, or what of it begins with a prefix.
type Bucket struct {
	Client *minio.Client
	Name   string
	Prefix string
}

// String names it for people.
func (b Bucket) String() string {
	if b.Prefix == "" {
		return "bucket " + b.Name
	}
	return "bucket " + b.Name + ", what begins with " + b.Prefix
}

// Versioned says whether the bucket keeps the versions of its objects now. With turnOn it is told to, where it does not.
func (b Bucket) Versioned(ctx context.Context, turnOn bool) (bool, error) {
	v, err := b.Client.GetBucketVersioning(ctx, b.Name)
	if code := minio.ToErrorResponse(err).Code; code == "NotImplemented" || code == "VersioningNotConfigured" {
		v, err = minio.BucketVersioningConfiguration{}, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask bucket %s whether it keeps versions: %w", b.Name, err)
	}
	if v.Enabled() || !turnOn {
		return v.Enabled(), nil
	}
	if err := b.Client.EnableVersioning(ctx, b.Name); err != nil {
		return false, fmt.Errorf("have bucket %s keep versions: %w", b.Name, err)
	}
	if v, err = b.Client.GetBucketVersioning(ctx, b.Name); err != nil {
		return false, fmt.Errorf("ask bucket %s whether it keeps versions: %w", b.Name, err)
	}
	return v.Enabled(), nil
}

// each calls do with what there is, in the order of keys; with versions, with every version, the youngest of a key first, and with every mark of a deletion: where those are
// in the order differs from server to server.
func (b Bucket) each(ctx context.Context, versions bool, do func(minio.ObjectInfo) error) error {
	live, stop := context.WithCancel(ctx)
	defer stop() // or the goroutine behind the channel stays
	last := ""
	for o := range b.Client.ListObjects(live, b.Name, minio.ListObjectsOptions{Prefix: b.Prefix, Recursive: true, WithVersions: versions}) {
		if o.Err != nil {
			return fmt.Errorf("list %s: %w", b, o.Err)
		}
		if o.Key < last && !o.IsDeleteMarker {
			return fmt.Errorf("list %s: the server has %q after %q, want the order of keys", b, o.Key, last)
		}
		if !o.IsDeleteMarker {
			last = o.Key
		}
		if o.Key == "" || !strings.HasPrefix(o.Key, b.Prefix) {
			return fmt.Errorf("list %s: the server has %q, which was not asked for", b, o.Key)
		}
		if err := do(o); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// current calls do with the objects that are there now.
func (b Bucket) current(ctx context.Context, versions bool, do func(minio.ObjectInfo) error) error {
	return b.each(ctx, versions, func(o minio.ObjectInfo) error {
		if versions && (!o.IsLatest || o.IsDeleteMarker) {
			return nil
		}
		return do(o)
	})
}

// unreadable says why one object cannot be read, where others may be. Gone says that it is not there any more.
func unreadable(err error) (why string, gone bool) {
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == "NoSuchKey" || r.Code == "NoSuchVersion":
		return r.Code, true
	case r.Code == "InvalidObjectState":
		return "it is archived (" + r.Message + ")", false
	case r.StatusCode == http.StatusForbidden, r.StatusCode == http.StatusBadRequest, r.StatusCode == http.StatusMethodNotAllowed:
		return r.Code + " " + r.Message, false
	}
	return "", false
}

// tags asks for the tags of an object. Whether it has any is not in the answer of every server that is asked for the object itself.
func (b Bucket) tags(ctx context.Context, key, version string) (map[string]string, error) {
	if version == "null" { // the only one, from before versions were kept; not every server knows it by that name
		version = ""
	}
	t, err := b.Client.GetObjectTagging(ctx, b.Name, key, minio.GetObjectTaggingOptions{VersionID: version})
	if code := minio.ToErrorResponse(err).Code; code == "NoSuchTagSet" || code == "NotImplemented" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("its tags: %w", err)
	}
	return t.ToMap(), nil
}

// tag gives an object its tags.
func (b Bucket) tag(ctx context.Context, key string, all map[string]string) error {
	if len(all) == 0 {
		return nil
	}
	t, err := tags.NewTags(all, true)
	if err == nil {
		err = b.Client.PutObjectTagging(ctx, b.Name, key, t, minio.PutObjectTaggingOptions{})
	}
	if err != nil {
		return fmt.Errorf("its tags: %w", err)
	}
	return nil
}

// names joins what of a list people want to read.
func names(all []string) string {
	if len(all) > 3 {
		return strings.Join(all[:3], ", ") + fmt.Sprintf(" and %d more", len(all)-3)
	}
	return strings.Join(slices.Clone(all), ", ")
}
