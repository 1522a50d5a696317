package bucket

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
)

func newRepo(t interface {
	Fatal(args ...any)
}, dir string,
) *repository.Repository {
	repo, err := repository.InitWith(context.Background(), storage.NewFolder(dir), "a long and random password", repository.Cost{N: 2, R: 1, P: 1})
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// keys are texts that are like the keys of objects, and unlike the names of files.
var keys = rapid.StringOfN(rapid.SampledFrom([]rune("ab/.%é\x00\n\"oject25empty")), 1, 20, 60)

func TestEveryKeyIsAPathThatLeadsBackToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := keys.Draw(t, "key")
		for _, p := range parts(key) {
			if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "/\x00") {
				t.Fatalf("%q has the part %q, which no file can be called", key, p)
			}
		}
		if back, err := keyOf(strings.Join(parts(key), "/")); err != nil || back != key {
			t.Fatalf("%q comes back as %q (%v)", key, back, err)
		}
	})
}

// A tree has each object once, under its key, also where a folder and an object are called the same; and an older one is found again by its keys.
func TestATreeHasEveryKeyOnce(t *testing.T) {
	repo := newRepo(t, t.TempDir())
	defer repo.Close()
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(keys, 1, 30, func(k string) string { return k }).Draw(t, "keys")
		slices.Sort(all)
		saver := repo.NewSaver(context.Background(), repository.SaveOptions{})
		made := newTree(saver)
		for i, key := range all {
			if err := made.add(key, repository.Node{Type: "file", Size: uint64(i), Content: []repository.ID{}}); err != nil {
				t.Fatal(err)
			}
		}
		objects, err := made.root(objectsFolder)
		if err != nil {
			t.Fatal(err)
		}
		root, err := folder(saver, "", []repository.Node{objects})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := saver.Finish(); err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := repo.Walk(context.Background(), *objects.Subtree, func(at string, n *repository.Node) (bool, error) {
			if n.Type == "dir" {
				return true, nil
			}
			key, err := keyOf(at[1:])
			got = append(got, key)
			return false, err
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, all) {
			t.Fatalf("it has %q, want %q", got, all)
		}
		before := newOld(context.Background(), repo, &repository.Snapshot{Tree: *root.Subtree})
		for i, key := range all {
			if n := before.find(context.Background(), key); n == nil || n.Size != uint64(i) {
				t.Fatalf("%q is found as %+v, want number %d", key, n, i)
			}
			if n := before.find(context.Background(), key+"\x01"); n != nil {
				t.Fatalf("%q is found as %+v, and there is none", key+"\x01", n)
			}
		}
	})
}
