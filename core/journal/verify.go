package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Report is what Verify found.
type Report struct {
	Entries  int64     `json:"entries"`
	Head     string    `json:"head"` // hash of the last entry
	Problems []Problem `json:"problems"`
}

// Problem is one place where the record is not what was written.
type Problem struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"`
}

// Verify reads the whole journal and says where an entry was changed, removed or put in. The end is compared with the head
// that is kept beside the database, so a tail that was cut off is found too.
func (j *Journal) Verify(ctx context.Context) (Report, error) {
	r := Report{Problems: []Problem{}}
	say := func(seq int64, format string, args ...any) {
		r.Problems = append(r.Problems, Problem{Seq: seq, What: fmt.Sprintf(format, args...)})
	}
	headSeq, headHash, err := readHead(j.head)
	if err != nil {
		return r, err
	}
	var last Entry
	for e, err := range j.each(ctx, Filter{}) {
		if err != nil {
			return r, err
		}
		r.Entries++
		switch {
		case e.Seq != last.Seq+1:
			say(last.Seq+1, "entries %d to %d are missing", last.Seq+1, e.Seq-1)
		case e.Prev != last.Hash:
			say(e.Seq, "entry %d does not follow entry %d: one of them was changed", e.Seq, last.Seq)
		}
		if e.Hash != e.digest() {
			say(e.Seq, "entry %d was changed after it was written", e.Seq)
		}
		if e.Seq == headSeq && e.Hash != headHash {
			say(e.Seq, "entry %d is not the one that was written last (%s)", e.Seq, j.head)
		}
		last = e
	}
	if last.Seq < headSeq {
		say(last.Seq+1, "entries %d to %d are missing at the end: %s knows them", last.Seq+1, headSeq, j.head)
	}
	if headSeq == 0 && r.Entries > 1 { // a first entry may have been cut off from its head by a crash
		say(last.Seq, "%s is missing: entries may have been cut off at the end", j.head)
	}
	r.Head = last.Hash
	return r, nil
}

// writeHead keeps number and hash of the last entry, on the disk when it returns. It is written after the entry, so after a
// crash it may be one behind, which is no sign of tampering.
func writeHead(path string, seq int64, hash string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".head-*")
	if err != nil {
		return fmt.Errorf("note the journal's head: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("note the journal's head: %w", errors.Join(err, os.Remove(f.Name())))
		}
	}()
	_, err = fmt.Fprintf(f, "%d %s\n", seq, hash)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func readHead(path string) (seq int64, hash string, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("read the journal's head: %w", err)
	}
	if _, err := fmt.Sscanf(strings.TrimSpace(string(text)), "%d %s", &seq, &hash); err != nil {
		return 0, "", fmt.Errorf("the journal's head %s reads %q, want a number and a hash: %w", path, text, err)
	}
	return seq, hash, nil
}
