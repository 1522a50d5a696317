package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/tags"

	"goodstate.dev/goodstate/backup/source/bucket"
	"goodstate.dev/goodstate/internal/real"
)

// photos is a bucket on a real server.
type photos struct {
	t      *testing.T
	server *real.S3
	name   string
}

func newPhotos(t *testing.T, versioned bool) photos {
	t.Helper()
	p := photos{t, real.StartS3(t), "photos"}
	p.server.Bucket(t, p.name, false)
	if versioned {
		p.must(p.server.Client.EnableVersioning(t.Context(), p.name))
	}
	return p
}

func (p photos) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p photos) source(more map[string]any) (Source, Job) {
	settings := map[string]any{
		"endpoint": p.server.Endpoint, "bucket": p.name, "region": "us-east-1", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"},
	}
	maps.Copy(settings, more)
	return build(p.t, "bucket", settings), jobOn(p.t, map[string]string{"id": p.server.ID, "key": p.server.Key})
}

func (p photos) put(bucket, key string, data []byte, opt minio.PutObjectOptions) {
	p.t.Helper()
	_, err := p.server.Client.PutObject(p.t.Context(), bucket, key, bytes.NewReader(data), int64(len(data)), opt)
	p.must(err)
}

// all is what a bucket has: key, bytes, headers, metadata and tags, as text.
func (p photos) all(name, prefix string) map[string]string {
	p.t.Helper()
	all := map[string]string{}
	for o := range p.server.Client.ListObjects(p.t.Context(), name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		p.must(o.Err)
		r, err := p.server.Client.GetObject(p.t.Context(), name, o.Key, minio.GetObjectOptions{})
		p.must(err)
		data, err := io.ReadAll(r)
		p.must(err)
		info, err := r.Stat()
		p.must(err)
		has, err := p.server.Client.GetObjectTagging(p.t.Context(), name, o.Key, minio.GetObjectTaggingOptions{})
		text := ""
		if err == nil {
			text = fmt.Sprint(has.ToMap())
		}
		all[strings.TrimPrefix(o.Key, prefix)] = fmt.Sprintf("%x %s %s %v %s", data, info.ContentType, info.Headers.Get("Cache-Control"), info.UserMetadata, text)
	}
	return all
}

func noise(seed uint64, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data) // it never fails
	return data
}

func (p photos) fill() {
	p.put(p.name, "a.txt", []byte("tea"), minio.PutObjectOptions{ContentType: "text/plain; charset=utf-8", UserMetadata: map[string]string{"author": "ann"}})
	note, err := tags.NewTags(map[string]string{"kind": "note", "of": "tea and co"}, true)
	p.must(err)
	p.must(p.server.Client.PutObjectTagging(p.t.Context(), p.name, "a.txt", note, minio.PutObjectTaggingOptions{}))
	p.put(p.name, "deep/er/100%.jpg", noise(1, 300_000), minio.PutObjectOptions{ContentType: "image/jpeg", CacheControl: "max-age=60"})
	p.put(p.name, "deep/empty", nil, minio.PutObjectOptions{})
	p.put(p.name, "deep/large", noise(2, 11<<20), minio.PutObjectOptions{PartSize: 5 << 20}) // its entity tag is of parts
	for i := range 300 {
		p.put(p.name, fmt.Sprintf("many/%03d", i), noise(uint64(i), 100), minio.PutObjectOptions{ContentType: "image/png"})
	}
}

func TestTheObjectsOfABucketComeBackWithAllThatTheyHave(t *testing.T) {
	p := newPhotos(t, true)
	p.fill()
	want := p.all(p.name, "")
	s, j := p.source(map[string]any{"drill": map[string]any{}})
	made, err := s.Backup(t.Context(), j)
	if err != nil || !made.Complete || made.Files != 304 || made.Bytes < 11<<20 {
		t.Fatalf("%+v, %v", made, err)
	}
	snaps, err := j.Repo.Snapshots(t.Context())
	p.must(err)

	p.put(p.name, "a.txt", []byte("spoilt"), minio.PutObjectOptions{})
	gone, err := p.server.Client.StatObject(t.Context(), p.name, "many/005", minio.StatObjectOptions{})
	p.must(err)
	p.must(p.server.Client.RemoveObject(t.Context(), p.name, "many/005", minio.RemoveObjectOptions{VersionID: gone.VersionID})) // above a mark of deletion this server loses what is put
	p.put(p.name, "new", []byte("made since"), minio.PutObjectOptions{})
	to, err := s.Original(t.Context(), j)
	p.must(err)
	to.Bucket.Plan = true
	plan, err := s.Restore(t.Context(), j, snaps[0], to)
	if err != nil || plan.Created != 1 || plan.Updated != 1 || plan.Kept != 302 || !strings.Contains(fmt.Sprint(plan.Changes), "replace a.txt") {
		t.Fatalf("the plan is %+v, %v", plan, err)
	}
	if got := p.all(p.name, ""); len(got) != 304 || got["a.txt"] == want["a.txt"] {
		t.Fatal("the plan has changed something")
	}
	to.Bucket.Plan, to.Replace = false, false
	if _, err := s.Restore(t.Context(), j, snaps[0], to); err == nil || !strings.Contains(err.Error(), "a.txt") {
		t.Fatalf("it writes over what is there: %v", err)
	}
	to.Replace = true
	back, err := s.Restore(t.Context(), j, snaps[0], to)
	if err != nil || len(back.Problems) > 0 || back.Created != 1 || back.Updated != 1 {
		t.Fatalf("%+v, %v", back, err)
	}
	got := p.all(p.name, "")
	delete(got, "new")
	if !maps.Equal(got, want) {
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s is %q, want %q", k, got[k][max(0, len(got[k])-200):], v[max(0, len(v)-200):])
			}
		}
	}

	p.server.Bucket(t, "other", false)
	back, err = s.Restore(t.Context(), j, snaps[0], Place{Bucket: &Bucket{Name: "other", Prefix: "below/"}})
	if err != nil || back.Created != 304 || !maps.Equal(p.all("other", "below/"), want) {
		t.Errorf("another bucket has %d objects, or different ones: %+v, %v", len(p.all("other", "below/")), back, err)
	}
	again, err := s.Restore(t.Context(), j, snaps[0], Place{Bucket: &Bucket{Name: "other", Prefix: "below/"}}) // also the large one is known as the same
	if err != nil || again.Kept != 304 || again.Bytes != 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
	for _, drill := range []map[string]any{nil, {"bucket": "other"}} {
		s, _ := p.source(map[string]any{"drill": drill})
		scratch, done, err := s.Scratch(t.Context(), j)
		p.must(err)
		back, err := s.Restore(t.Context(), j, snaps[0], scratch)
		if err != nil || len(back.Problems) > 0 || !maps.Equal(p.all(scratch.Bucket.Name, scratch.Bucket.Prefix), want) {
			t.Errorf("drill: %+v, %v", back, err)
		}
		p.must(done(t.Context()))
		if exists, err := p.server.Client.BucketExists(t.Context(), scratch.Bucket.Name); err != nil || exists != (drill != nil) || exists && len(p.all(scratch.Bucket.Name, scratch.Bucket.Prefix)) > 0 {
			t.Errorf("the drill leaves something in %s (%v)", scratch, err)
		}
	}
}

func TestOnlyWhatChangedOfABucketIsReadAgain(t *testing.T) {
	p := newPhotos(t, true)
	p.fill()
	s, j := p.source(nil)
	_, err := s.Backup(t.Context(), j)
	p.must(err)
	snaps, err := j.Repo.Snapshots(t.Context())
	p.must(err)
	j.Parent = &snaps[0]
	p.put(p.name, "many/007", noise(999, 100), minio.PutObjectOptions{}) // of equal size
	p.must(p.server.Client.RemoveObject(t.Context(), p.name, "many/008", minio.RemoveObjectOptions{}))
	reads := 0
	proxy := between(t, p.server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/photos/") && r.URL.Path != "/photos/" && !r.URL.Query().Has("tagging") {
			reads++
		}
		next.ServeHTTP(w, r)
	})
	s, _ = p.source(map[string]any{"endpoint": proxy})
	made, err := s.Backup(t.Context(), j)
	if err != nil || made.Files != 303 || reads != 1 || made.Fresh > 200_000 {
		t.Errorf("%d objects were read, want 1: %+v, %v", reads, made, err)
	}
}

// between is a server in front of the S3 server, which may do something else with a request.
func between(t *testing.T, server *real.S3, do func(w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	t.Helper()
	u, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host }} // the name is in the signature
	next.ErrorLog = nil
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, next) }))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// cutShort ends an answer after so many bytes of its body.
type cutShort struct {
	http.ResponseWriter
	left int
}

func (c *cutShort) Write(p []byte) (int, error) {
	n, _ := c.ResponseWriter.Write(p[:min(c.left, len(p))])
	if c.left -= n; c.left <= 0 {
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func TestAShortReadOfAnObjectIsReadOnOrAnError(t *testing.T) {
	p := newPhotos(t, true)
	want := noise(3, 3<<20)
	p.put(p.name, "deep/large", want, minio.PutObjectOptions{})
	var cuts atomic.Int64
	var always atomic.Bool
	proxy := between(t, p.server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/large") && r.Method == http.MethodGet && (always.Load() || cuts.Add(1) <= 3) {
			left := 700_000
			if always.Load() && r.Header.Get("Range") != "" {
				left = 0
			}
			w = &cutShort{w, left}
		}
		next.ServeHTTP(w, r)
	})
	s, j := p.source(map[string]any{"endpoint": proxy})
	made, err := s.Backup(t.Context(), j)
	if err != nil || made.Bytes != int64(len(want)) || cuts.Load() < 4 {
		t.Fatalf("after %d requests: %+v, %v", cuts.Load(), made, err)
	}
	snaps, err := j.Repo.Snapshots(t.Context())
	p.must(err)
	p.server.Bucket(t, "other", false)
	_, err = s.Restore(t.Context(), j, snaps[0], Place{Bucket: &Bucket{Name: "other"}})
	p.must(err)
	if !maps.Equal(p.all("other", ""), p.all(p.name, "")) {
		t.Error("what came in parts is not what was there")
	}
	always.Store(true)
	if made, err := s.Backup(t.Context(), jobOn(t, map[string]string{"id": p.server.ID, "key": p.server.Key})); err == nil || !strings.Contains(err.Error(), "3145728") {
		t.Errorf("an object that is always cut short was taken for whole: %+v, %v", made, err)
	}
}

func TestABucketWithoutVersionsIsNamedOrToldToKeepThem(t *testing.T) {
	p := newPhotos(t, false)
	p.put(p.name, "a.txt", []byte("tea"), minio.PutObjectOptions{})
	s, j := p.source(nil)
	made, err := s.Backup(t.Context(), j)
	if err != nil || made.Complete || !strings.Contains(fmt.Sprint(made.Problems), "keeps no versions") {
		t.Errorf("it is not said: %+v, %v", made, err)
	}
	s, _ = p.source(map[string]any{"versions": "any"})
	if made, err := s.Backup(t.Context(), j); err != nil || !made.Complete {
		t.Errorf("versions do not matter, and %+v, %v", made, err)
	}
	s, _ = p.source(map[string]any{"versions": "enable"})
	made, err = s.Backup(t.Context(), j)
	v, asked := p.server.Client.GetBucketVersioning(t.Context(), p.name)
	if err != nil || !made.Complete || asked != nil || !v.Enabled() {
		t.Errorf("they are not turned on: %+v, %v, %+v", made, err, v)
	}
}

func TestAReplicaHasWhatTheBucketHasAndKeepsWhatItLost(t *testing.T) {
	p := newPhotos(t, true)
	p.fill()
	p.server.Bucket(t, "away", false)
	away := map[string]any{"endpoint": p.server.Endpoint, "region": "us-east-1", "bucket": "away", "prefix": "copy/", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"}}
	s, j := p.source(map[string]any{"replicate": away})
	made, err := s.Backup(t.Context(), j)
	if err != nil || !made.Complete {
		t.Fatalf("%+v, %v", made, err)
	}
	bytesOf := func(name, prefix string) map[string]string {
		all := p.all(name, prefix)
		for k, v := range all {
			all[k], _, _ = strings.Cut(v, " ")
		}
		return all
	}
	if !maps.Equal(bytesOf("away", "copy/"), bytesOf(p.name, "")) || !strings.Contains(p.all("away", "copy/")["a.txt"], "tea and co") {
		t.Errorf("the replica has other objects, or not all of a.txt: %s", p.all("away", "copy/")["a.txt"])
	}
	b := bucket.Bucket{Client: p.server.Client, Name: p.name}
	to := bucket.Bucket{Client: p.server.Client, Name: "away", Prefix: "copy/"}
	if m, err := bucket.Mirror(t.Context(), b, true, to); err != nil || m.Put != 0 || m.Same != 304 {
		t.Errorf("once more: %+v, %v", m, err)
	}
	p.must(p.server.Client.RemoveObject(t.Context(), p.name, "a.txt", minio.RemoveObjectOptions{}))
	p.put(p.name, "many/001", []byte("other"), minio.PutObjectOptions{})
	if m, err := bucket.Mirror(t.Context(), b, true, to); err != nil || m.Put != 1 {
		t.Errorf("after a change: %+v, %v", m, err)
	}
	if _, there := p.all("away", "copy/")["a.txt"]; !there {
		t.Error("what was deleted is deleted in the replica too")
	}
	away["bucket"] = "nowhere"
	s, _ = p.source(map[string]any{"replicate": away})
	if made, err := s.Backup(t.Context(), j); err != nil || made.Complete || !strings.Contains(fmt.Sprint(made.Problems), "replica") {
		t.Errorf("a replica that cannot be reached: %+v, %v", made, err)
	}
}

func TestACopyOfABucketEndsWhenItIsToldTo(t *testing.T) {
	p := newPhotos(t, true)
	p.put(p.name, "deep/large", noise(3, 1<<20), minio.PutObjectOptions{})
	ctx, stop := context.WithCancel(t.Context())
	proxy := between(t, p.server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/large") {
			stop()
			<-r.Context().Done() // the server says nothing any more
			return
		}
		next.ServeHTTP(w, r)
	})
	s, j := p.source(map[string]any{"endpoint": proxy})
	if _, err := s.Backup(ctx, j); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}
