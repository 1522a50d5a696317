package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/internal/real"
)

// dying is a storage whose process dies after some changes: from then on nothing works.
type dying struct {
	storage.Storage
	left atomic.Int64
}

var errDead = errors.New("the process is dead")

func (d *dying) Save(ctx context.Context, name string, size int64, content io.Reader) error {
	if d.left.Add(-1) < 0 {
		return errDead
	}
	return d.Storage.Save(ctx, name, size, content)
}

func (d *dying) Remove(ctx context.Context, name string) error {
	if d.left.Add(-1) < 0 {
		return errDead
	}
	return d.Storage.Remove(ctx, name)
}

// world is a tree that changes, the repository that it is copied to, and what each snapshot must give back.
type world struct {
	t      *testing.T
	random *rand.Rand
	tree   string
	dir    string // of the repository
	second string // of its copy
	want   map[repository.ID]string
	now    time.Time
	log    []string
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\nafter:\n%s", err, strings.Join(w.log, "\n"))
	}
}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// change writes, cuts, renames and deletes files.
func (w *world) change() {
	for range 1 + w.random.IntN(6) {
		name := filepath.Join(w.tree, string(rune('a'+w.random.IntN(4))), fmt.Sprint("f", w.random.IntN(12)))
		w.must(os.MkdirAll(filepath.Dir(name), 0o755))
		switch w.random.IntN(5) {
		case 0:
			w.must(os.RemoveAll(name))
		case 1:
			w.must(os.RemoveAll(filepath.Dir(name)))
		default:
			size := w.random.IntN(3000)
			if w.random.IntN(4) == 0 {
				size = w.random.IntN(3 << 20)
			}
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(w.random.Uint32() >> 24)
			}
			if w.random.IntN(2) == 0 {
				data = []byte(strings.Repeat("words ", size/6+1))
			}
			w.must(os.WriteFile(name, data, 0o644))
		}
	}
}

// with opens the repository in a process that dies after some changes, and says whether it did.
func (w *world) with(dir string, changes int64, do func(*repository.Repository) error) (died bool) {
	d := &dying{Storage: storage.NewFolder(dir)}
	d.left.Store(changes)
	repo, err := repository.Open(w.t.Context(), d, password)
	w.must(err)
	defer func() { w.must(repo.Close()) }()
	w.must(repo.LoadIndex(w.t.Context()))
	err = do(repo)
	if errors.Is(err, errDead) {
		return true
	}
	w.must(err)
	return false
}

func (w *world) life() int64 {
	if w.random.IntN(3) == 0 {
		return int64(w.random.IntN(12))
	}
	return 1 << 40
}

func (w *world) backup() {
	life := w.life()
	w.now = w.now.Add(time.Hour)
	want := listing(w.t, w.tree)
	died := w.with(w.dir, life, func(repo *repository.Repository) error {
		opt := Options{Time: w.now, Save: repository.SaveOptions{PackSize: 1 << 20}}
		if snap, err := repo.FindSnapshot(w.t.Context(), "latest"); err == nil {
			opt.Parent = &snap
		}
		res, err := Backup(w.t.Context(), repo, []string{w.tree}, opt)
		if err == nil {
			w.want[res.Snapshot] = want
		}
		return err
	})
	w.say("backup, %d changes left, died %v", life, died)
}

func (w *world) forget() {
	for id := range w.want {
		if w.random.IntN(2) == 0 {
			w.with(w.dir, 1<<40, func(repo *repository.Repository) error { return repo.RemoveSnapshot(w.t.Context(), id) })
			delete(w.want, id)
			w.say("forget %s", id.Short())
		}
	}
}

func (w *world) prune() {
	life := w.life()
	died := w.with(w.dir, life, func(repo *repository.Repository) error {
		_, err := repo.Prune(w.t.Context(), repository.PruneOptions{Waste: []float64{-1, 0, 50}[w.random.IntN(3)], Save: repository.SaveOptions{PackSize: 1 << 20}})
		return err
	})
	w.say("prune, %d changes left, died %v", life, died)
}

func (w *world) copy() {
	life := w.life()
	died := w.with(w.second, life, func(to *repository.Repository) error {
		from := open(w.t, w.dir)
		snaps, err := from.Snapshots(w.t.Context())
		if err != nil {
			return err
		}
		_, err = from.Copy(w.t.Context(), to, snaps, repository.SaveOptions{})
		return err
	})
	w.say("copy, %d changes left, died %v", life, died)
}

// restore compares one snapshot with what it must be.
func (w *world) restore() {
	repo := open(w.t, w.dir)
	snaps, err := repo.Snapshots(w.t.Context())
	w.must(err)
	if len(snaps) != len(w.want) {
		w.t.Fatalf("%d snapshots, want %d, after:\n%s", len(snaps), len(w.want), strings.Join(w.log, "\n"))
	}
	if len(snaps) == 0 {
		return
	}
	s := snaps[w.random.IntN(len(snaps))]
	w.restored(repo, s, w.want[s.ID])
}

func (w *world) restored(repo *repository.Repository, s repository.Snapshot, want string) {
	w.t.Helper()
	back, err := os.MkdirTemp(w.t.TempDir(), "back")
	w.must(err)
	res, err := Restore(w.t.Context(), repo, s, back, RestoreOptions{Path: w.tree})
	w.must(err)
	if len(res.Problems) > 0 || listing(w.t, filepath.Join(back, filepath.Base(w.tree))) != want {
		w.t.Fatalf("snapshot %s is not what was copied; problems %v, after:\n%s", s.ID.Short(), res.Problems, strings.Join(w.log, "\n"))
	}
	w.must(os.RemoveAll(back))
}

// judge asks our check and restic about both repositories, and compares all snapshots of the copy.
func (w *world) judge() {
	for _, dir := range []string{w.dir, w.second} {
		repo := open(w.t, dir)
		res, err := repo.Check(w.t.Context(), repository.CheckOptions{Part: 1})
		w.must(err)
		if len(res.Problems) > 0 {
			w.t.Fatalf("check of %s: %s\nafter:\n%s", filepath.Base(dir), strings.Join(res.Problems, "\n"), strings.Join(w.log, "\n"))
		}
		if out := restic(w.t, dir, "check", "--read-data"); !strings.Contains(out, "no errors were found") {
			w.t.Fatalf("restic check of %s:\n%s\nafter:\n%s", filepath.Base(dir), out, strings.Join(w.log, "\n"))
		}
	}
	second := open(w.t, w.second)
	snaps, err := second.Snapshots(w.t.Context())
	w.must(err)
	for _, s := range snaps {
		if s.Original == nil {
			w.t.Fatalf("a copy without its origin: %+v", s)
		}
		if want, ok := w.want[*s.Original]; ok {
			w.restored(second, s, want)
		}
	}
}

// Backups, prunes and copies that are killed at any change leave a repository that is whole, and every snapshot gives back what it was made of.
func TestWhateverHappensSnapshotsGiveBackWhatTheyWereMadeOf(t *testing.T) {
	real.Need(t, "restic")
	steps := 40
	if os.Getenv("E2E_ALL") != "" {
		steps = 1000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0)), tree: filepath.Join(t.TempDir(), "tree"), want: map[repository.ID]string{}, now: time.Now().Add(-1e6 * time.Second)}
	w.must(os.Mkdir(w.tree, 0o755))
	for _, dir := range []*string{&w.dir, &w.second} {
		*dir, _ = fresh(t)
	}
	moves := slices.Concat(slices.Repeat([]func(){w.backup}, 4), slices.Repeat([]func(){w.restore, w.prune}, 2), []func(){w.forget, w.copy})
	for i := range steps {
		w.change()
		moves[w.random.IntN(len(moves))]()
		if i%40 == 39 {
			w.judge()
		}
	}
}
