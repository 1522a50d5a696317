package client

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
)

// largest is the size up to which files are read whole, in bytes; what is larger is compared by Git, and judged by nobody who needs its content.
const largest = 50 << 20

// folders remembers which folders on the way to files are real ones: behind a link lies something else than what Git tracks.
type folders struct {
	top   string
	mu    sync.Mutex
	known map[string]bool
}

func (d *folders) real(dir string) bool {
	if dir == "." || dir == "/" {
		return true
	}
	d.mu.Lock()
	is, ok := d.known[dir]
	d.mu.Unlock()
	if ok {
		return is
	}
	info, err := os.Lstat(filepath.Join(d.top, dir))
	is = err == nil && info.IsDir() && d.real(path.Dir(dir))
	d.mu.Lock()
	d.known[dir] = is
	d.mu.Unlock()
	return is
}

// read reads a file of the work tree without following links. A link's content is its target.
func (d *folders) read(name string, link bool) ([]byte, error) {
	full := filepath.Join(d.top, name)
	if !d.real(path.Dir(name)) {
		return nil, fmt.Errorf("%s lies behind a link: %w", name, os.ErrNotExist)
	}
	if link {
		target, err := os.Readlink(full)
		return []byte(target), err
	}
	f, err := os.OpenFile(full, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file any more", name)
	}
	if info.Size() > largest {
		return nil, fmt.Errorf("%s: %w", name, errLarge)
	}
	buf := make([]byte, info.Size(), info.Size()+1)
	n, err := io.ReadFull(f, buf)
	if err != nil {
		return nil, fmt.Errorf("%s became shorter while it was read: %w", name, err)
	}
	return buf[:n], nil
}

var errLarge = fmt.Errorf("more than %d MiB", largest>>20)
