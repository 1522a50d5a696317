package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/backup/repository"
)

var errKind = errors.New("neither file, folder, link, device, pipe nor socket")

// job is a file that must be read.
type job struct {
	f    *folder
	slot int
	path string
}

// work reads files until there are no more.
func (b *backup) work(ctx context.Context) {
	cut := b.repo.Chunker()
	for j := range b.jobs {
		if ctx.Err() == nil {
			b.now.Store(&j.path)
			b.read(ctx, j, cut)
		}
		<-b.tickets
	}
}

func (b *backup) read(ctx context.Context, j job, cut *repository.Chunker) {
	n := &j.f.nodes[j.slot]
	err := b.content(ctx, j.path, n, cut)
	var failed *saveError
	switch {
	case err == nil:
		j.f.ok[j.slot] = true
		b.files.Add(1)
	case errors.As(err, &failed):
		b.fail(failed.err)
		return
	case ctx.Err() != nil:
		return
	case !errors.Is(err, os.ErrNotExist): // what was deleted meanwhile is no problem
		b.problem(j.path, err)
	}
	b.left(j.f)
}

// saveError tells a repository that cannot be written from a file that cannot be read.
type saveError struct{ err error }

func (e *saveError) Error() string { return e.err.Error() }

// content reads a file into the repository. The node is made again from the open file, so that it fits the bytes.
func (b *backup) content(ctx context.Context, path string, n *repository.Node, cut *repository.Chunker) error {
	file, err := openFile(path)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() {
		return fmt.Errorf("it was a file and is %s now", before.Mode().Type())
	}
	if err := b.ids.describe(n, path, before); err != nil {
		b.problem(path, err)
	}
	if err := b.chunks(ctx, file, n, cut); err != nil {
		return err
	}
	after, err := file.Stat()
	if err != nil {
		return err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) || n.Size != uint64(after.Size()) {
		b.tell(Problem{Path: path, Text: "changed while it was read: the copy may have parts of both states", Changed: true})
	}
	return nil
}

// openFile opens a file without following a link, and without changing when it was read last where that is allowed.
func openFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|noAccessTime, 0)
	if errors.Is(err, syscall.EPERM) && noAccessTime != 0 {
		file, err = os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	}
	return file, err
}

// chunks cuts a file and saves its parts, several at the same time.
func (b *backup) chunks(ctx context.Context, file io.Reader, n *repository.Node, cut *repository.Chunker) error {
	n.Content, n.Size = []repository.ID{}, 0
	cut.Reset(file)
	var saving sync.WaitGroup
	var failure atomic.Pointer[saveError]
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var ids []*repository.ID
	for {
		part, err := cut.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			saving.Wait()
			return err
		}
		n.Size += uint64(len(part))
		b.bytes.Add(int64(len(part)))
		id := new(repository.ID)
		ids = append(ids, id)
		save := func(plain []byte) {
			var err error
			if *id, _, err = b.saver.Save(repository.Data, plain); err != nil {
				failure.Store(&saveError{err})
			}
		}
		if !cut.More() { // the last one, and the only one of most files
			save(part)
			break
		}
		slots <- struct{}{}
		own := copyOf(part)
		saving.Go(func() {
			save(*own)
			buffers.Put(own)
			<-slots
		})
		if failure.Load() != nil {
			break
		}
	}
	saving.Wait()
	if f := failure.Load(); f != nil {
		return f
	}
	for _, id := range ids {
		n.Content = append(n.Content, *id)
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func copyOf(part []byte) *[]byte {
	own := buffers.Get().(*[]byte)
	*own = append((*own)[:0], part...)
	return own
}
