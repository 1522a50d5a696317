package real

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is a real S3 server on loopback, with versions and object lock.
type S3 struct {
	Endpoint string // with its scheme
	ID       string
	Key      string
	Client   *minio.Client

	srv *server
}

// StartS3 starts an S3 server that is gone when the test ends. It is built from its Go module the first time.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	path := program(t, "s3", "github.com/versity/versitygw/cmd/versitygw")
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatalf("making a folder for the S3 server: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // the server has ended by then
	for _, sub := range []string{"data", "old", "meta"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatalf("making a folder for the S3 server: %v", err)
		}
	}
	address := "127.0.0.1:" + strconv.Itoa(FreePort(t))
	s := &S3{Endpoint: "http://" + address, ID: "AKTEST", Key: "secret-of-the-tests"}
	s.Client, err = minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(s.ID, s.Key, ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		t.Fatalf("client of the S3 server: %v", err)
	}
	place := scratch{dir: dir}
	s.srv = place.start(t, syscall.SIGTERM, path, "--access", s.ID, "--secret", s.Key, "--port", address, "--region", "us-east-1", "--quiet", "--health", "/health",
		"posix", "--versioning-dir", filepath.Join(dir, "old"), "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	s.srv.ready(t, func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Endpoint+"/health", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("its health is %s", resp.Status)
		}
		return nil
	})
	return s
}

// Bucket makes a bucket, with versions and object lock if asked for.
func (s *S3) Bucket(t testing.TB, name string, locked bool) {
	t.Helper()
	if err := s.Client.MakeBucket(context.Background(), name, minio.MakeBucketOptions{ObjectLocking: locked}); err != nil {
		t.Fatalf("making bucket %s: %v\n%s", name, err, s.srv.output())
	}
}
