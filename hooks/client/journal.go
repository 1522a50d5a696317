package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fault is called before every step that changes something on disk. The tests kill the process in it.
var fault = func(string) {}

const (
	journalName = "journal.json"
	copiesName  = "copies"
	runPrefix   = "run-"
)

// journal is the folder of one run: what is under way, and the bytes that it may replace. While journal.json is there the run is not settled.
type journal struct {
	dir    string
	record record
	copies *os.File
	length int64
}

// record is journal.json. The index is changed last and at once, so it says whether a run was done: then its work stays, else it is taken back.
type record struct {
	Stage   string    `json:"stage"`
	Index   string    `json:"index"` // from the .git folder where it lies there
	Began   time.Time `json:"began"`
	Job     string    `json:"job,omitempty"` // that works in place
	Entries []entry   `json:"entries"`
}

// entry is one file of the work tree that may be replaced.
type entry struct {
	Path   []byte      `json:"path"` // any bytes
	Old    string      `json:"old"`  // object in the index before
	New    string      `json:"new"`  // and after; empty while a job works in place
	Was    string      `json:"was"`  // SHA-256 of the file on disk before; empty when it is not touched
	Next   string      `json:"next"` // and after
	Offset int64       `json:"offset"`
	Length int64       `json:"length"` // of the bytes before, in the file of copies
	Perm   fs.FileMode `json:"perm"`
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// newJournal makes the folder of a run. The caller holds the lock.
func (repo *Repo) newJournal(stage, index string) (*journal, error) {
	fault("make the folder of the run")
	dir, err := os.MkdirTemp(repo.own(), runPrefix)
	if err != nil {
		return nil, fmt.Errorf("folder of the run: %w", err)
	}
	if rel, err := filepath.Rel(repo.Dir, index); err == nil && filepath.IsLocal(rel) {
		index = rel // the repository may have moved when the run is settled
	}
	return &journal{dir: dir, record: record{Stage: stage, Index: index, Began: time.Now()}}, nil
}

func (j *journal) path(name string) string { return filepath.Join(j.dir, name) }

// keep writes down the bytes that a file has now, and notes where.
func (j *journal) keep(e *entry, content []byte) error {
	if j.copies == nil {
		fault("make the file of copies")
		f, err := os.OpenFile(j.path(copiesName), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("copies of the work tree: %w", err)
		}
		j.copies = f
	}
	fault("copy a file")
	if _, err := j.copies.WriteAt(content, j.length); err != nil {
		return fmt.Errorf("copy %q before it is repaired: %w", e.Path, err)
	}
	e.Was, e.Offset, e.Length = digest(content), j.length, int64(len(content))
	j.length += e.Length
	return nil
}

// write makes what the record says durable, together with the copies that it speaks of.
func (j *journal) write() error {
	if j.copies != nil {
		if err := j.copies.Sync(); err != nil {
			return fmt.Errorf("copies of the work tree: %w", err)
		}
	}
	data, err := json.Marshal(j.record)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	fault("write the journal")
	tmp := j.path("journal.new")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("journal %s: %w", tmp, err)
	}
	fault("publish the journal")
	if err := os.Rename(tmp, j.path(journalName)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return syncDir(j.dir)
}

// done says that nothing is under way any more, and forgets the copies.
func (j *journal) done() error {
	fault("close the journal")
	if err := os.Remove(j.path(journalName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: %w", err)
	}
	err := syncDir(j.dir)
	if j.copies != nil {
		err = errors.Join(err, j.copies.Close())
		j.copies, j.length = nil, 0
		if gone := os.Remove(j.path(copiesName)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	j.record.Entries, j.record.Job = nil, ""
	return err
}

// remove takes the folder of the run away.
func (j *journal) remove() error {
	if j == nil {
		return nil
	}
	var err error
	if j.copies != nil {
		err = j.copies.Close()
		j.copies = nil
	}
	fault("remove the folder of the run")
	return errors.Join(err, sweep(j.dir))
}

// sweep removes a folder of ours with all that jobs have left in it, also folders that they have made read-only.
func sweep(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(path, 0o700) // before its entries are read
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
