package client

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Git names objects so
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/hooks/rule"
)

// onDisk is how the file in the work tree stands to what is staged.
type onDisk int

const (
	unknown   onDisk = iota
	same             // byte for byte what is staged
	converted        // what Git writes when it checks out: line endings or a filter make it differ
	other            // has changes that are not staged, or is no file any more
	gone             // is not there
)

// inPlace is true when whoever reads the file on disk reads what is staged.
func (d onDisk) inPlace() bool { return d == same || d == converted }

// blobID is the name that Git gives to content; like is a name from the same repository, whose length tells the hash.
func blobID(content []byte, like string) string {
	var h hash.Hash
	if len(like) == sha256.Size*2 {
		h = sha256.New()
	} else {
		h = sha1.New() //nolint:gosec // Git names objects so
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// look compares the files with the work tree. Each file whose bytes are what is staged is handed to clean, from several goroutines. What is
// not equal byte for byte is asked of Git, which knows line endings and filters.
func (r *round) look(ctx context.Context, files []*file, clean func(f *file, content []byte) error) error {
	g, _ := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	const portion = 64
	for start := 0; start < len(files); start += portion {
		part := files[start:min(start+portion, len(files))]
		g.Go(func() error {
			for _, f := range part {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if content, ok := r.compare(f); ok && clean != nil {
					if err := clean(f, content); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.askGit(ctx, files)
}

// compare finds out how one file stands, as far as that can be told without Git.
func (r *round) compare(f *file) ([]byte, bool) {
	if f.mode == rule.Submodule {
		f.disk, f.size = same, 0
		return nil, false
	}
	content, err := r.folders.read(f.path, f.mode == rule.Symlink)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.disk = gone
		return nil, false
	case err != nil:
		f.disk = unknown // too large, not readable or another type: Git says
		return nil, false
	case blobID(content, f.oid) == f.oid:
		f.disk, f.size = same, int64(len(content))
		return content, true
	}
	f.disk = unknown
	return nil, false
}

// askGit settles the files that differ: git hash-object applies line endings and filters as git add would.
func (r *round) askGit(ctx context.Context, files []*file) error {
	var asked []*file
	var list bytes.Buffer
	for _, f := range files {
		if f.disk != unknown {
			continue
		}
		f.disk = other
		info, err := os.Lstat(filepath.Join(r.repo.Top, f.path))
		if f.regular() && err == nil && info.Mode().IsRegular() && r.folders.real(path.Dir(f.path)) {
			asked = append(asked, f)
			fmt.Fprintf(&list, "%s\n", quoted(f.path))
		}
	}
	if len(asked) == 0 {
		return nil
	}
	out, err := r.repo.git(ctx, r.index, list.Bytes(), "hash-object", "--stdin-paths")
	if err != nil {
		return ctx.Err() // a file changed under Git's hands: all of them count as different, which is always safe
	}
	ids := strings.Fields(string(out))
	for i, f := range asked {
		if i < len(ids) && ids[i] == f.oid {
			f.disk = converted
		}
	}
	return nil
}

// quoted writes a path as Git reads it in lists of lines: in quotes, with octal numbers for what is not plain.
func quoted(name string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
