package files

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/internal/real"
)

const password = "correct horse"

// restic runs Debian's restic on a repository; it is the judge of ours.
func restic(t *testing.T, repo string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "restic", append([]string{"-r", repo, "--no-cache"}, args...)...)
	cmd.Env = append(os.Environ(), "RESTIC_PASSWORD="+password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("restic %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// oddTree makes a folder with all that a file system has.
func oddTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 5<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	must(os.MkdirAll(at("deep/er/folder"), 0o755))
	must(os.Mkdir(at("locked"), 0o700))
	must(os.WriteFile(at("empty"), nil, 0o644))
	must(os.WriteFile(at("small"), []byte("a few words\n"), 0o640))
	must(os.WriteFile(at("noise"), noise, 0o600))
	must(os.WriteFile(at("words"), bytes.Repeat([]byte("the same words again and again\n"), 100_000), 0o444))
	must(os.WriteFile(at("deep/er/folder/with \"quotes\" and \\ and \xff\xfe bytes"), []byte("odd"), 0o644))
	must(os.WriteFile(at("deep/ünïcode ☂"), noise[:700_000], 0o755))
	must(os.Symlink("small", at("link")))
	must(os.Symlink("/does/not/exist", at("dangling")))
	must(os.Link(at("small"), at("deep/second name")))
	must(syscall.Mkfifo(at("pipe"), 0o620))
	must(unix.Mknod(at("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	must(os.Chmod(at("small"), 0o4755))
	must(os.Lchown(at("words"), 1234, 4321))
	must(os.Lchown(at("link"), 1234, 4321))
	must(unix.Setxattr(at("empty"), "user.note", []byte("a note\x00with a zero"), 0))
	sparse, err := os.Create(at("sparse"))
	must(err)
	must(sparse.Truncate(40 << 20))
	_, err = sparse.WriteAt([]byte("in the middle"), 20<<20)
	must(err)
	must(sparse.Close())
	old := time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.UTC)
	must(os.Chtimes(at("noise"), old, old))
	must(os.Chtimes(at("deep/er"), old, old))
	return dir
}

// listing says all about a tree that a backup must keep.
func listing(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	inodes := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%q %v %d:%d %d %s", rel, info.Mode(), st.Uid, st.Gid, st.Rdev, info.ModTime().UTC().Format(time.RFC3339Nano))
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d %s", len(data), repository.IDOf(data).Short())
			if st.Nlink > 1 {
				if first := inodes[st.Ino]; first != "" {
					fmt.Fprintf(&b, " = %q", first)
				}
				inodes[st.Ino] = rel
			}
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " -> %q", to)
		}
		all, err := attributes(path)
		for _, a := range all {
			fmt.Fprintf(&b, " %s=%q", a.Name, a.Value)
		}
		b.WriteByte('\n')
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func open(t *testing.T, dir string) *repository.Repository {
	t.Helper()
	repo, err := repository.Open(t.Context(), storage.NewFolder(dir), password)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.LoadIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	})
	return repo
}

func fresh(t *testing.T) (string, *repository.Repository) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	repo, err := repository.InitWith(t.Context(), storage.NewFolder(dir), password, repository.Cost{N: 2, R: 1, P: 1})
	if err != nil {
		t.Fatal(err)
	}
	return dir, repo
}

func TestResticChecksListsAndRestoresWhatWeWrote(t *testing.T) {
	real.Need(t, "restic")
	tree := oddTree(t)
	dir, repo := fresh(t)
	res, err := Backup(context.Background(), repo, []string{tree}, Options{Tags: []string{"nightly"}})
	if err != nil || len(res.Problems) > 0 {
		t.Fatalf("%+v, %v", res.Problems, err)
	}
	if out := restic(t, dir, "check", "--read-data"); !strings.Contains(out, "no errors were found") {
		t.Errorf("restic check says\n%s", out)
	}
	if out := restic(t, dir, "snapshots"); !strings.Contains(out, res.Snapshot.Short()) || !strings.Contains(out, "nightly") || !strings.Contains(out, tree) {
		t.Errorf("restic snapshots says\n%s", out)
	}
	back := t.TempDir()
	restic(t, dir, "restore", "latest", "--target", back)
	if got, want := listing(t, filepath.Join(back, tree)), listing(t, tree); got != want {
		t.Errorf("restic restored\n%s\nwant\n%s", got, want)
	}
	restic(t, dir, "backup", "-q", tree) // and writes into it
	restic(t, dir, "check", "--read-data")
}

func TestWhatResticWroteIsRestoredByteByByte(t *testing.T) {
	real.Need(t, "restic")
	tree := oddTree(t)
	dir := filepath.Join(t.TempDir(), "repository")
	restic(t, dir, "init")
	restic(t, dir, "backup", "-q", tree)
	repo := open(t, dir)
	snap, err := repo.FindSnapshot(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	back := t.TempDir()
	res, err := Restore(t.Context(), repo, snap, back, RestoreOptions{Path: tree})
	if err != nil || len(res.Problems) > 0 {
		t.Fatalf("%+v, %v", res.Problems, err)
	}
	if got, want := listing(t, filepath.Join(back, filepath.Base(tree))), listing(t, tree); got != want {
		t.Errorf("restored\n%s\nwant\n%s", got, want)
	}
	if got := blocks(t, filepath.Join(back, "tree", "sparse")); got > 20<<20 {
		t.Errorf("the sparse file takes %d bytes of the disk", got)
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestASecondBackupReadsOnlyWhatChanged(t *testing.T) {
	tree := oddTree(t)
	_, repo := fresh(t)
	first, err := Backup(t.Context(), repo, []string{tree}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := repo.FindSnapshot(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	same, err := Backup(t.Context(), repo, []string{tree}, Options{Parent: &snap})
	if err != nil || same.Unchanged != same.Files || same.Files != first.Files || same.Saved.Plain > 64<<10 { // folders on the way to the tree change by themselves
		t.Errorf("nothing changed: %+v, %v", same, err)
	}
	if err := os.WriteFile(filepath.Join(tree, "small"), []byte("other words\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	changed, err := Backup(t.Context(), repo, []string{tree}, Options{Parent: &snap})
	if err != nil || changed.Files-changed.Unchanged != 2 || changed.Saved.Blobs == 0 { // it has two names
		t.Errorf("one file changed: %+v, %v", changed, err)
	}
}
