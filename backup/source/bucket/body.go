package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// stalled is for how long a connection may bring nothing.
	stalled = 2 * time.Minute
	// patience is how often a broken connection is made again without a byte between.
	patience = 5
)

// body reads an object. A connection that breaks or stalls is made again where it was, of the same version; an end before the object's size is an error.
type body struct {
	ctx    context.Context //nolint:containedctx // a reader has none of its own
	b      Bucket
	key    string
	opt    minio.GetObjectOptions
	size   int64
	at     int64
	r      io.ReadCloser
	stop   context.CancelCauseFunc
	broken int
}

var errStalled = errors.New("nothing came for " + stalled.String())

// get opens an object, and tells about it. An empty version is the youngest.
func (b Bucket) get(ctx context.Context, key, version string) (*body, minio.ObjectInfo, http.Header, error) {
	o := &body{ctx: ctx, b: b, key: key, opt: minio.GetObjectOptions{VersionID: version}}
	info, header, err := o.open()
	for broken := 0; err != nil && broken < patience; broken++ {
		if why, gone := unreadable(err); why != "" || gone || o.wait(broken) != nil {
			break
		}
		info, header, err = o.open()
	}
	if err != nil {
		return nil, info, header, err
	}
	o.size = info.Size
	if err := o.opt.SetMatchETag(info.ETag); err != nil {
		return nil, info, header, errors.Join(err, o.Close())
	}
	return o, info, header, nil
}

func (o *body) open() (info minio.ObjectInfo, h http.Header, err error) {
	ctx, stop := context.WithCancelCause(o.ctx)
	opt := o.opt
	if o.at > 0 {
		if err := opt.SetRange(o.at, 0); err != nil {
			stop(nil)
			return info, nil, err
		}
	}
	timer := time.AfterFunc(stalled, func() { stop(errStalled) })
	defer timer.Stop()
	o.r, info, h, err = (&minio.Core{Client: o.b.Client}).GetObject(ctx, o.b.Name, o.key, opt)
	if err != nil {
		stop(nil)
		return info, h, err
	}
	o.stop = stop
	return info, h, nil
}

// wait pauses before another try, or until the end of all.
func (o *body) wait(broken int) error {
	select {
	case <-o.ctx.Done():
		return context.Cause(o.ctx)
	case <-time.After(time.Duration(1+broken*broken) * 200 * time.Millisecond):
		return nil
	}
}

func (o *body) Read(p []byte) (int, error) {
	for {
		if o.at >= o.size {
			return 0, io.EOF
		}
		timer := time.AfterFunc(stalled, func() { o.stop(errStalled) })
		n, err := o.r.Read(p[:min(int64(len(p)), o.size-o.at)])
		timer.Stop()
		o.at += int64(n)
		if n > 0 {
			o.broken = 0
			return n, nil // an error comes again, or the connection is made anew
		}
		if err == nil {
			continue
		}
		if o.ctx.Err() != nil {
			return 0, context.Cause(o.ctx)
		}
		if err := o.again(err); err != nil {
			return 0, err
		}
	}
}

// again makes the connection anew.
func (o *body) again(why error) error {
	_ = o.Close() // it is of no use any more
	for ; o.broken < patience; o.broken++ {
		if err := o.wait(o.broken); err != nil {
			return err
		}
		_, _, err := o.open()
		if err == nil {
			o.broken++
			return nil
		}
		why = err
		if text, gone := unreadable(err); text != "" || gone || minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
			break
		}
	}
	return fmt.Errorf("%q: %d bytes came, want %d: %w", o.key, o.at, o.size, why)
}

// Close lets go of the connection.
func (o *body) Close() error {
	if o.r == nil {
		return nil
	}
	err := o.r.Close()
	o.stop(nil)
	o.r = nil
	return err
}
