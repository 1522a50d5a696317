package rule

import (
	"bytes"
	"fmt"
)

func init() {
	Register(Kind{
		Name:    "destroyed-symlink",
		Aliases: []string{"destroyed-symlinks"},
		Help:    "no symbolic link has become a file that holds the link's target",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &destroyedSymlink{}
			return r, decode(r)
		},
	})
}

// destroyedSymlink finds what Git leaves where the file system has no symbolic links: a text file with the target in it.
type destroyedSymlink struct{}

// targetMax is PATH_MAX of Linux: no target is longer.
const targetMax = 4096

func (*destroyedSymlink) Wants(f *File) bool {
	return f.Old == Symlink && f.HasText() && f.Size <= targetMax+2
}

func (r *destroyedSymlink) Check(f *File) ([]Finding, error) {
	if !r.Wants(f) {
		return nil, nil
	}
	content, err := f.Content()
	if err != nil {
		return nil, fmt.Errorf("rule destroyed-symlink: reading %q: %w", f.Path, err)
	}
	now := bytes.TrimSpace(content)
	if f.OldContent != nil {
		old, err := f.OldContent()
		if err != nil {
			return nil, fmt.Errorf("rule destroyed-symlink: reading what %q was: %w", f.Path, err)
		}
		// two bytes more are a line ending that a formatter has added since
		if len(content) > len(old)+2 || !bytes.Equal(now, bytes.TrimSpace(old)) {
			return nil, nil
		}
	} else if len(now) == 0 || bytes.ContainsAny(now, "\n\x00") {
		return nil, nil
	}
	return []Finding{{
		Rule: "destroyed-symlink", Path: f.Path,
		Message: "was a symbolic link and is now a file with the link's target in it; run git checkout HEAD -- on it, and set core.symlinks=false where links cannot be made",
	}}, nil
}
