// Package storage is where the files of a backup repository lie: a folder, or a service that keeps objects by name. It knows nothing of what is in them.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Storage keeps files by name. Names have the form of the repository's layout: "config", "keys/ID", "data/ab/ID". It may be used by many goroutines.
type Storage interface {
	// Save writes a whole file of the given size from content. A file is there whole or not at all, also after a crash, and is on stable storage when Save
	// returns. An existing file is an error (ErrExists) and stays as it is.
	Save(ctx context.Context, name string, size int64, content io.Reader) error
	// Open reads length bytes from offset on; a negative length reads to the end. A range that goes past the end is an error, at the latest while reading.
	// A missing file is ErrNotFound.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	// Size is the size of a file in bytes, or ErrNotFound.
	Size(ctx context.Context, name string) (int64, error)
	// List calls each with all files of a folder of the layout ("data", "keys", "index", "snapshots", "locks"), in no order. Its error ends the list.
	List(ctx context.Context, folder string, each func(name string, size int64) error) error
	// Remove deletes a file; one that is not there is no error.
	Remove(ctx context.Context, name string) error
}

// What every storage answers with, wrapped.
var (
	ErrNotFound = errors.New("no such file in the storage")
	ErrExists   = errors.New("the file is there already")
)

// Folders are those of a repository.
var Folders = []string{"data", "index", "keys", "locks", "snapshots"}

// Read reads a whole file of at most limit bytes.
func Read(ctx context.Context, s Storage, name string, limit int64) ([]byte, error) {
	size, err := s.Size(ctx, name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that such a file may have", name, size, limit)
	}
	r, err := s.Open(ctx, name, 0, size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// check refuses names that could lead out of the repository.
func check(name string) error {
	if name == "" || path.Clean(name) != name || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("%q is not a name of a file in a repository: %w", name, errCaller)
	}
	return nil
}

// exactly reads length bytes; an end before that is an error.
func exactly(r io.Reader, length int64) io.Reader { return &exact{r, length} }

type exact struct {
	r    io.Reader
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
