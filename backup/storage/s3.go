package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	register(Kind{
		Name:    "s3",
		Help:    "a bucket of S3 or of a server that speaks its protocol; with lock nobody can remove what a restore point needs",
		Example: "s3: {endpoint: \"https://s3.example.com\", bucket: backup, prefix: shop, access_key: {secret: s3-id}, secret_key: {secret: s3-key}, lock: 720h}",
		New: func(decode func(any) error) (Place, error) {
			p := &s3Place{}
			return p, decode(p)
		},
	})
}

type s3Place struct {
	S3Server `yaml:",inline"`
	Bucket   string          `yaml:"bucket" required:"true" help:"the bucket, which is there already" example:"backup"`
	Prefix   string          `yaml:"prefix" help:"what the names of all objects begin with" example:"shop"`
	Lock     config.Duration `yaml:"lock" help:"for how long objects are held so that nobody can remove them, extended while a restore point needs them; the bucket must have been made with object lock" example:"720h"`
	LockMode string          `yaml:"lock_mode" default:"compliance" enum:"compliance,governance" help:"compliance: not even the account's owner can remove them earlier; governance: who has the permission for it can"`
}

func (p *s3Place) String() string { return "s3 " + p.Endpoint + "/" + joined(p.Bucket, p.Prefix) }

// joined joins what is not empty.
func joined(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p = strings.Trim(p, "/"); p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, "/")
}

// Validate reports retentions that are none.
func (p *s3Place) Validate(report func(path, message string)) {
	p.S3Server.Validate(report)
	if p.Lock != 0 && p.Lock < config.Duration(24*time.Hour) {
		report("lock", fmt.Sprintf("%s, want 24h or more: retentions are extended once a day", p.Lock))
	}
}

// Open asks the server nothing yet.
func (p *s3Place) Open(ctx context.Context, env Env) (Storage, error) {
	client, idle, err := p.Client(ctx, env)
	if err != nil {
		return nil, err
	}
	b := &bucket{client: client, name: p.Bucket, prefix: joined(p.Prefix), lock: time.Duration(p.Lock), mode: minio.Compliance, idle: idle}
	if p.LockMode == "governance" {
		b.mode = minio.Governance
	}
	return NewSteady(b, Patience{}), nil
}

// bucket keeps files as objects.
type bucket struct {
	client *minio.Client
	name   string
	prefix string
	lock   time.Duration
	mode   minio.RetentionMode
	idle   func()
}

// Close lets go of connections.
func (b *bucket) Close() error {
	b.idle()
	return nil
}

func (b *bucket) key(name string) string { return joined(b.prefix, name) }

// said turns what the server answered into what storages answer.
func (b *bucket) said(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == "NoSuchKey":
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case r.Code == "NoSuchBucket":
		return fmt.Errorf("%s: %w: there is no bucket %s", what, ErrRefused, b.name)
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%s: it ends before that: %w", what, errCaller)
	case r.Code == "PreconditionFailed" || r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w", what, ErrExists)
	case r.Code == "NotImplemented" || r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusBadRequest && r.Code != "RequestTimeout":
		return fmt.Errorf("%s: %w: %s (%s)", what, ErrRefused, r.Message, r.Code)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Save puts an object, on the condition that there is none.
func (b *bucket) Save(ctx context.Context, name string, size int64, content io.Reader) error {
	if err := check(name); err != nil {
		return err
	}
	opt := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
	opt.SetMatchETagExcept("*")
	if b.holds(name) {
		opt.Mode, opt.RetainUntilDate = b.mode, time.Now().Add(b.lock).UTC().Truncate(time.Second)
	}
	short := &counted{r: under(ctx, content)}
	_, err := b.client.PutObject(ctx, b.name, b.key(name), short, size, opt)
	if short.ended && short.n < size {
		return fmt.Errorf("save %s: %d bytes came, want %d: %w", name, short.n, size, errCaller)
	}
	if err != nil {
		return b.said(ctx, "save "+name, err)
	}
	return nil
}

// counted tells a content that is too short from a connection that broke.
type counted struct {
	r     io.Reader
	n     int64
	ended bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.ended = c.ended || errors.Is(err, io.EOF)
	return n, err
}

// Open reads a part of an object.
func (b *bucket) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	if length == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	opt := minio.GetObjectOptions{}
	if offset > 0 || length > 0 {
		end := int64(0) // to the end
		if length > 0 {
			end = offset + length - 1
		}
		if err := opt.SetRange(offset, end); err != nil {
			return nil, fmt.Errorf("open %s at %d: %w", name, offset, err)
		}
	}
	body, _, _, err := (&minio.Core{Client: b.client}).GetObject(ctx, b.name, b.key(name), opt)
	if err != nil {
		return nil, b.said(ctx, "open "+name, err)
	}
	if length < 0 {
		return body, nil
	}
	return part{exactly(body, length), body}, nil
}

// Size asks the server.
func (b *bucket) Size(ctx context.Context, name string) (int64, error) {
	if err := check(name); err != nil {
		return 0, err
	}
	info, err := b.client.StatObject(ctx, b.name, b.key(name), minio.StatObjectOptions{})
	if err != nil {
		return 0, b.said(ctx, "size of "+name, err)
	}
	return info.Size, nil
}

// List asks for all names that begin with the folder's.
func (b *bucket) List(ctx context.Context, folder string, each func(string, int64) error) error {
	live, stop := context.WithCancel(ctx)
	defer stop() // or the goroutine behind the channel stays
	before := b.key("")
	if before != "" {
		before += "/"
	}
	for o := range b.client.ListObjects(live, b.name, minio.ListObjectsOptions{Prefix: b.key(folder) + "/", Recursive: true}) {
		if o.Err != nil {
			return b.said(ctx, "list "+folder, o.Err)
		}
		name, ours := strings.CutPrefix(o.Key, before)
		if !ours || check(name) != nil {
			continue
		}
		if err := each(name, o.Size); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Remove deletes an object; in a bucket with versions it is only hidden, and what is held stays below.
func (b *bucket) Remove(ctx context.Context, name string) error {
	if err := check(name); err != nil {
		return err
	}
	if err := b.client.RemoveObject(ctx, b.name, b.key(name), minio.RemoveObjectOptions{}); err != nil {
		if err := b.said(ctx, "remove "+name, err); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// holds says which files are held: locks must go when their process has ended.
func (b *bucket) holds(name string) bool { return b.lock > 0 && !strings.HasPrefix(name, "locks/") }

// Retention is for how long objects are held.
func (b *bucket) Retention() time.Duration { return b.lock }

// Hold extends the retention of an object.
func (b *bucket) Hold(ctx context.Context, name string, until time.Time) error {
	if err := check(name); err != nil {
		return err
	}
	if !b.holds(name) {
		return nil
	}
	now, err := b.Held(ctx, name)
	if err != nil || !now.Before(until) {
		return err
	}
	until = until.UTC().Truncate(time.Second)
	if err := b.client.PutObjectRetention(ctx, b.name, b.key(name), minio.PutObjectRetentionOptions{Mode: &b.mode, RetainUntilDate: &until}); err != nil {
		return b.said(ctx, "hold "+name, err)
	}
	return nil
}

// Held asks until when an object is held. The answer is taken from the object's own headers: servers do not agree on the form of the other one.
func (b *bucket) Held(ctx context.Context, name string) (time.Time, error) {
	info, err := b.client.StatObject(ctx, b.name, b.key(name), minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, b.said(ctx, "retention of "+name, err)
	}
	text := info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date")
	if text == "" {
		return time.Time{}, nil
	}
	until, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("retention of %s: the server says %q, want a time: %w", name, text, ErrRefused)
	}
	return until, nil
}
