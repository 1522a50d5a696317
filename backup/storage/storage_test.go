package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/storage/storagetest"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/internal/real"
)

// place opens the storage that settings of the configuration mean.
func place(t *testing.T, kind string, settings any, secrets map[string]string) storage.Storage {
	t.Helper()
	choice, err := config.Choose[storage.Place](kind, settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := choice.New()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Open(t.Context(), storage.Env{Base: t.TempDir(), Secret: func(_ context.Context, name string) (string, error) {
		if v, ok := secrets[name]; ok {
			return v, nil
		}
		return "", fmt.Errorf("no secret %s", name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c, ok := s.(io.Closer); ok {
			if err := c.Close(); err != nil {
				t.Errorf("close the storage: %v", err)
			}
		}
	})
	return s
}

func TestAFolderIsAStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return place(t, "folder", "repo", nil) })
}

func TestAFolderBehindSSHIsAStorage(t *testing.T) {
	h := real.StartSSHD(t, "Subsystem sftp internal-sftp")
	if h == nil {
		return
	}
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		return place(t, "sftp", map[string]any{"host": "target", "config": h.Config, "folder": filepath.Join(t.TempDir(), "deep", "repo")}, nil)
	})
	t.Run("a connection that breaks is made again", func(t *testing.T) {
		s := place(t, "sftp", map[string]any{"host": "target", "config": h.Config, "folder": t.TempDir()}, nil)
		write(t, s, "data/00/a", "a")
		h.Cut(t)
		write(t, s, "data/00/b", "b")
	})
	t.Run("a host whose key is another one gets nothing, and is asked once", func(t *testing.T) {
		h.Know(t)
		other := filepath.Join(h.Dir, "other")
		real.Keygen(t, other)
		h.KnowAs(t, other+".pub")
		defer h.Know(t)
		s := place(t, "sftp", map[string]any{"host": "target", "config": h.Config, "folder": t.TempDir()}, nil)
		if err := s.Save(t.Context(), "config", 1, strings.NewReader("x")); !errors.Is(err, storage.ErrRefused) {
			t.Errorf("got %v, want that it is refused", err)
		}
	})
}

func write(t *testing.T, s storage.Storage, name, text string) {
	t.Helper()
	if err := s.Save(t.Context(), name, int64(len(text)), strings.NewReader(text)); err != nil {
		t.Fatalf("save %s: %v", name, err)
	}
}

// buckets numbers the buckets and prefixes of tests.
var buckets atomic.Int64

func s3(t *testing.T, server *real.S3, locked bool, more map[string]any) (storage.Storage, string) {
	t.Helper()
	bucket := fmt.Sprintf("bucket%d", buckets.Add(1))
	server.Bucket(t, bucket, locked)
	settings := map[string]any{
		"endpoint": server.Endpoint, "bucket": bucket, "prefix": "of/shop", "region": "us-east-1",
		"access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"},
	}
	for k, v := range more {
		settings[k] = v
	}
	return place(t, "s3", settings, map[string]string{"id": server.ID, "key": server.Key}), bucket
}

func TestABucketIsAStorage(t *testing.T) {
	server := real.StartS3(t)
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		s, _ := s3(t, server, false, nil)
		return s
	})
}

func TestWhatALockHoldsCannotBeRemoved(t *testing.T) {
	server := real.StartS3(t)
	s, bucket := s3(t, server, true, map[string]any{"lock": "720h"})
	write(t, s, "data/00/pack", "precious")
	write(t, s, "locks/mine", "short-lived")
	l := storage.LockerOf(s)
	if l == nil {
		t.Fatal("a bucket with lock holds nothing")
	}
	until, err := l.Held(t.Context(), "data/00/pack")
	if err != nil || time.Until(until) < 719*time.Hour {
		t.Fatalf("it is held until %v (%v), want 720h from now", until, err)
	}
	if until, err := l.Held(t.Context(), "locks/mine"); err != nil || !until.IsZero() {
		t.Errorf("a lock file is held until %v (%v)", until, err)
	}
	later := time.Now().Add(1000 * time.Hour)
	if err := l.Hold(t.Context(), "data/00/pack", later); err != nil {
		t.Fatal(err)
	}
	if err := l.Hold(t.Context(), "data/00/pack", time.Now()); err != nil {
		t.Errorf("holding for less: %v", err)
	}
	if until, err := l.Held(t.Context(), "data/00/pack"); err != nil || until.Sub(later).Abs() > 2*time.Second {
		t.Errorf("it is held until %v (%v), want %v", until, err, later)
	}
	versions := 0
	for o := range server.Client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true, Prefix: "of/shop/data/"}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		versions++
		err := server.Client.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID})
		if err == nil {
			t.Errorf("version %s was removed before its time", o.VersionID)
		}
	}
	if versions != 1 {
		t.Errorf("there are %d versions, want 1", versions)
	}
}

func TestAWrongKeyIsSaidAtOnce(t *testing.T) {
	server := real.StartS3(t)
	server.Key = "wrong"
	bucket := map[string]any{"endpoint": server.Endpoint, "bucket": "b", "region": "us-east-1", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"}}
	s := place(t, "s3", bucket, map[string]string{"id": server.ID, "key": server.Key})
	if _, err := s.Size(t.Context(), "config"); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("got %v, want that it is refused", err)
	}
}
