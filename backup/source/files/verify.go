package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"goodstate.dev/goodstate/backup/repository"
)

// Verified is what a comparison saw.
type Verified struct {
	Files    int64     `json:"files"`
	Bytes    int64     `json:"bytes"`
	Problems []Problem `json:"problems"`
}

// Verify reads restored files again and compares every part with its digest in the snapshot.
func Verify(ctx context.Context, repo *repository.Repository, snap repository.Snapshot, target string) (Verified, error) {
	var v Verified
	var buf []byte
	err := repo.Walk(ctx, snap.Tree, func(at string, n *repository.Node) (bool, error) {
		if n.Type != "file" {
			return true, ctx.Err()
		}
		v.Files++
		path := filepath.Join(target, filepath.FromSlash(at))
		read, err := compare(repo, n, path, &buf)
		v.Bytes += read
		if err != nil {
			v.Problems = append(v.Problems, Problem{Path: path, Text: err.Error()})
		}
		if len(v.Problems) > maxProblems {
			return false, fmt.Errorf("more than %d files differ", maxProblems)
		}
		return false, ctx.Err()
	})
	return v, err
}

func compare(repo *repository.Repository, n *repository.Node, path string, buf *[]byte) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var read int64
	for _, id := range n.Content {
		size, err := repo.SizeOf(id)
		if err != nil {
			return read, err
		}
		if cap(*buf) < size {
			*buf = make([]byte, size)
		}
		part := (*buf)[:size]
		got, err := io.ReadFull(file, part)
		read += int64(got)
		if err != nil {
			return read, fmt.Errorf("it ends after %d bytes, want %d", read, n.Size)
		}
		if repository.IDOf(part) != id {
			return read, fmt.Errorf("the %d bytes before %d are not what was copied", size, read)
		}
	}
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return read, fmt.Errorf("it has more than its %d bytes", n.Size)
	}
	return read, nil
}
