package source

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	clientv3 "go.etcd.io/etcd/client/v3"

	"goodstate.dev/goodstate/internal/real"
)

func etcdOn(t *testing.T, more map[string]any) (*real.Etcd, Source) {
	t.Helper()
	e := real.StartEtcd(t)
	if e == nil {
		return nil, nil
	}
	settings := map[string]any{"endpoints": []any{"http://127.0.0.1:1", e.Address}}
	for k, v := range more {
		settings[k] = v
	}
	return e, build(t, "etcd", settings)
}

// keys writes keys of a size.
func keys(t *testing.T, e *real.Etcd, n, size int) {
	t.Helper()
	c := e.Client(t)
	for i := range n {
		value := strings.Repeat(fmt.Sprintf("%08d", i), size/8)
		if _, err := c.Put(t.Context(), fmt.Sprintf("/shop/%06d", i), value); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEtcdComesBackAsAMemberThatWorks(t *testing.T) {
	n, size := 50, 16<<10
	if os.Getenv("E2E_ALL") != "" {
		n, size = 400, 512<<10 // 200 MB
	}
	e, s := etcdOn(t, nil)
	if e == nil {
		return
	}
	keys(t, e, n, size)
	j := jobOn(t, nil)
	made, err := s.Backup(t.Context(), j)
	if err != nil || !made.Complete || made.Bytes < int64(n*size) {
		t.Fatalf("%+v, %v", made, err)
	}
	snap, err := j.Repo.FindSnapshot(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Client(t).Delete(t.Context(), "/shop/", clientv3.WithPrefix()); err != nil { // after the copy
		t.Fatal(err)
	}

	t.Run("a drill starts it", func(t *testing.T) {
		to, done, err := s.Scratch(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Restore(t.Context(), j, snap, to); err != nil {
			t.Fatal(err)
		}
		there := (&real.Etcd{Address: to.URL}).Client(t)
		got, err := there.Get(t.Context(), "/shop/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil || got.Count != int64(n) {
			t.Errorf("%v keys, %v, want %d", got, err, n)
		}
		if _, err := there.Put(t.Context(), "written", "after"); err != nil {
			t.Errorf("the member takes no key: %v", err)
		}
		if err := done(t.Context()); err != nil {
			t.Error(err)
		}
	})

	t.Run("the lost member is recovered in its own place", func(t *testing.T) {
		e.Stop(t)
		if err := os.RemoveAll(e.Data); err != nil {
			t.Fatal(err)
		}
		back := build(t, "etcd", map[string]any{"endpoints": []any{e.Address}, "member": map[string]any{"name": "default", "peer": e.Peer}})
		if _, err := back.Restore(t.Context(), j, snap, Place{Folder: e.Data}); err != nil {
			t.Fatal(err)
		}
		e.Own(t)
		e.Start(t)
		got, err := e.Client(t).Get(t.Context(), "/shop/000007")
		if err != nil || len(got.Kvs) != 1 || !strings.HasPrefix(string(got.Kvs[0].Value), "00000007") {
			t.Errorf("%v, %v", got, err)
		}
	})

	t.Run("a folder with something in it is refused", func(t *testing.T) {
		full := t.TempDir()
		if err := os.WriteFile(filepath.Join(full, "member"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := build(t, "etcd", map[string]any{"endpoints": []any{e.Address}}).Restore(t.Context(), j, snap, Place{Folder: full}); err == nil || !strings.Contains(err.Error(), "want an empty or a new folder") {
			t.Errorf("got %v", err)
		}
	})
}

func TestNoMemberOfEtcdAnswers(t *testing.T) {
	s := build(t, "etcd", map[string]any{"endpoints": []any{"http://127.0.0.1:1"}})
	if _, err := s.Backup(t.Context(), jobOn(t, nil)); err == nil || !strings.Contains(err.Error(), "no member of etcd answers") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
}

func TestASnapshotThatIsCutOffIsNoBackup(t *testing.T) {
	pages := bytes.Repeat([]byte("etcd"), 3*512/4)
	sum := sha256.Sum256(pages)
	whole := append(bytes.Clone(pages), sum[:]...)
	for _, c := range []struct {
		what string
		text []byte
		good bool
	}{
		{"whole", whole, true},
		{"cut in its pages", whole[:700], false},
		{"cut at a page", whole[:1024], false},
		{"without the sum", pages, false},
		{"cut in its sum", whole[:len(whole)-1], false},
		{"with another byte", append(append([]byte("x"), pages[1:]...), sum[:]...), false},
		{"empty", nil, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			for name, from := range map[string]io.Reader{"at once": bytes.NewReader(c.text), "byte by byte": iotest.OneByteReader(bytes.NewReader(c.text)), "with the end": iotest.DataErrReader(bytes.NewReader(c.text))} {
				got, err := io.ReadAll(newSumAtEnd(from))
				if c.good != (err == nil) || errors.Is(err, io.EOF) || !bytes.Equal(got, c.text) {
					t.Errorf("%s: %d bytes, %v", name, len(got), err)
				}
			}
		})
	}
}
