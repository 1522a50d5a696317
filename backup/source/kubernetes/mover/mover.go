// Package mover is the process in a pod that carries a volume's files into a repository and out of it. It has the volume mounted and nothing else: no account of the
// cluster, no address of the repository and no credentials for it. What it needs comes over the stream that its controller opened to it, lives in its memory, and ends with
// the stream.
package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/backup/storage/wire"
)

// Volume is where the volume is mounted in the mover's pod.
const Volume = "/volume"

// Job is what a mover is asked to do.
type Job struct {
	Do         string           `json:"do"`                   // copy, restore or look
	Repository []byte           `json:"repository,omitempty"` // what repository.Share returned
	Before     *repository.Node `json:"before,omitempty"`     // of a copy: the volume as it was copied last
	Node       *repository.Node `json:"node,omitempty"`       // of a restore: what is brought back
	Verify     bool             `json:"verify,omitempty"`     // of a restore: read it again and compare
	Exclude    []string         `json:"exclude,omitempty"`
}

// What a mover can do.
const (
	Copy    = "copy"
	Restore = "restore"
	Look    = "look"
)

// Outcome is what came of it.
type Outcome struct {
	Node      repository.Node  `json:"node,omitzero"` // of a copy
	Files     int64            `json:"files"`
	Bytes     int64            `json:"bytes"`
	Unchanged int64            `json:"unchanged,omitempty"`
	Entries   int              `json:"entries"` // names at the volume's root, but for lost+found
	Saved     repository.Saved `json:"saved,omitzero"`
	Problems  []files.Problem  `json:"problems,omitempty"`
}

// Questions that a mover puts to its controller.
const (
	AskJob     = "job"
	AskSay     = "say"     // Progress
	AskOutcome = "outcome" // Outcome; after it the mover ends
)

// Progress is told a few times a second.
type Progress struct {
	Files, Bytes int64
}

// Main works for the controller at the other end of a stream, on the volume that is mounted at root.
func Main(ctx context.Context, root string, from io.Reader, to io.Writer) error {
	done, err := attend(ctx)
	if err != nil {
		return err
	}
	defer done()
	w := wire.Borrow(from, to)
	text, err := w.Ask(ctx, AskJob, nil)
	if err != nil {
		return fmt.Errorf("ask for the work: %w", err)
	}
	var j Job
	if err := json.Unmarshal(text, &j); err != nil {
		return errors.New("the work cannot be read; is the image of the mover as old as its controller?") // without the text, which has a key
	}
	out, err := work(ctx, j, root, w)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(out); err != nil {
		return err
	}
	_, err = w.Ask(ctx, AskOutcome, text)
	return err
}

func work(ctx context.Context, j Job, root string, w *wire.Borrowed) (Outcome, error) {
	if j.Do == Look {
		return look(ctx, root)
	}
	repo, err := repository.JoinShared(w, j.Repository)
	if err != nil {
		return Outcome{}, err
	}
	if err := repo.LoadIndex(ctx); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	switch j.Do {
	case Copy:
		out, err = carryIn(ctx, j, root, repo, w)
	case Restore:
		out, err = carryOut(ctx, j, root, repo, w)
	default:
		err = fmt.Errorf("a mover cannot %q; is its image older than its controller?", j.Do)
	}
	return out, errors.Join(err, repo.Close())
}

func carryIn(ctx context.Context, j Job, root string, repo *repository.Repository, w *wire.Borrowed) (Outcome, error) {
	n, res, err := files.Folder(ctx, repo, root, j.Before, files.Options{
		Exclude: j.Exclude, OneFileSystem: true, Progress: func(p files.Progress) { say(ctx, w, Progress{p.Files, p.Bytes}) },
		Save: repository.SaveOptions{IndexEvery: 30 * time.Second, Uploads: 1},
	})
	out := Outcome{Node: n, Files: res.Files, Bytes: res.Bytes, Unchanged: res.Unchanged, Saved: res.Saved, Problems: res.Problems}
	if err != nil {
		return out, err
	}
	out.Entries, err = entries(root)
	return out, err
}

func carryOut(ctx context.Context, j Job, root string, repo *repository.Repository, w *wire.Borrowed) (Outcome, error) {
	if j.Node == nil || j.Node.Subtree == nil {
		return Outcome{}, errors.New("nothing is named that could be brought back")
	}
	snap := repository.Snapshot{Tree: *j.Node.Subtree}
	res, err := files.Restore(ctx, repo, snap, root, files.RestoreOptions{Replace: true, Progress: func(p files.RestoreProgress) { say(ctx, w, Progress{p.Files, p.Bytes}) }})
	out := Outcome{Files: res.Files, Bytes: res.Bytes, Problems: res.Problems}
	if err != nil {
		return out, err
	}
	if err := files.Settle(root, j.Node); err != nil {
		out.Problems = append(out.Problems, files.Problem{Path: ".", Text: err.Error()})
	}
	if j.Verify && len(out.Problems) == 0 {
		seen, err := files.Verify(ctx, repo, snap, root)
		out.Problems = append(out.Problems, seen.Problems...)
		if err != nil {
			return out, err
		}
	}
	if out.Entries, err = entries(root); err != nil {
		return out, err
	}
	return out, flush(root)
}

// say tells how far it is; who does not listen any more is noticed elsewhere.
func say(ctx context.Context, w *wire.Borrowed, p Progress) {
	if text, err := json.Marshal(p); err == nil {
		_, _ = w.Ask(ctx, AskSay, text)
	}
}

// entries counts what lies at the root of a volume. A file system makes lost+found by itself.
func entries(root string) (int, error) {
	all, err := os.ReadDir(root)
	all = slices.DeleteFunc(all, func(e os.DirEntry) bool { return e.Name() == "lost+found" })
	return len(all), err
}

// look counts files without reading them.
func look(ctx context.Context, root string) (out Outcome, err error) {
	if out.Entries, err = entries(root); err != nil {
		return out, err
	}
	err = filepath.WalkDir(root, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, gone := d.Info()
			if gone != nil {
				return nil
			}
			out.Files++
			out.Bytes += info.Size()
		}
		return errors.Join(err, ctx.Err())
	})
	return out, err
}

// flush waits until what was written is on the volume: a node that dies a second later has lost nothing.
func flush(root string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	return errors.Join(syncAll(dir), dir.Close())
}
