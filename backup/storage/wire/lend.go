package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"goodstate.dev/goodstate/backup/storage"
)

// Lender answers the process at the other end.
type Lender struct {
	Storage storage.Storage
	May     Rights
	// Answer answers what is not about files. Its error goes to the other side in words.
	Answer func(ctx context.Context, question string, text []byte) ([]byte, error)
}

// Rights say what the borrower may do. The zero value may do nothing.
type Rights struct {
	Read   []string // folders of the repository's layout of which files may be read and listed
	Write  []string // folders in which files may be added
	Remove bool     // files may be deleted, in all folders that may be written
}

// Reading is enough to restore: packs and their index.
var Reading = Rights{Read: []string{"data", "index"}}

// Adding is enough to copy: nothing that is there can be changed or taken away, and no restore point can be made.
var Adding = Rights{Read: []string{"data", "index"}, Write: []string{"data", "index"}}

func (r Rights) allow(op, name string) error {
	folder, _, _ := strings.Cut(name, "/")
	in := r.Read
	if op == opSave || op == opRemove {
		in = r.Write
	}
	if op == opRemove && !r.Remove {
		in = nil
	}
	for _, f := range in {
		if f == folder {
			return nil
		}
	}
	return fmt.Errorf("%s %s is not allowed here: %w", op, name, storage.ErrRefused)
}

// atOnce is how many questions are worked on at the same time.
const atOnce = 8

// Serve answers until the other side ends the stream. An end in the middle of something is an error.
func (l *Lender) Serve(ctx context.Context, from io.Reader, to io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := &channel{to: to}
	var work sync.WaitGroup
	defer work.Wait()
	slots := make(chan struct{}, atOnce)
	for {
		h, body, err := read(from)
		if err != nil {
			stop() // nobody waits for answers any more
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			answer := header{ID: h.ID}
			text, err := l.answer(ctx, h, body)
			if err != nil {
				answer.fail(err)
				text = nil
			}
			_ = c.write(answer, text) // who is gone is noticed by reading
		})
	}
}

func (l *Lender) answer(ctx context.Context, h header, body []byte) ([]byte, error) {
	switch h.Op {
	case opSave, opOpen, opSize, opList, opRemove:
		if err := l.May.allow(h.Op, h.Name); err != nil {
			return nil, err
		}
	default:
		if l.Answer == nil {
			return nil, fmt.Errorf("%q is not answered here", h.Op)
		}
		return l.Answer(ctx, h.Op, body)
	}
	switch h.Op {
	case opSave:
		return nil, l.Storage.Save(ctx, h.Name, int64(len(body)), bytes.NewReader(body))
	case opOpen:
		return l.open(ctx, h)
	case opSize:
		size, err := l.Storage.Size(ctx, h.Name)
		return answer(size, err)
	case opList:
		all := []listed{}
		err := l.Storage.List(ctx, h.Name, func(name string, size int64) error {
			all = append(all, listed{name, size})
			return nil
		})
		return answer(all, err)
	}
	return nil, l.Storage.Remove(ctx, h.Name)
}

// listed is one file of a folder.
type listed struct {
	Name string `json:"n"`
	Size int64  `json:"s"`
}

func (l *Lender) open(ctx context.Context, h header) ([]byte, error) {
	if h.Length > maxBody {
		return nil, fmt.Errorf("%d bytes of %s at once, more than %d", h.Length, h.Name, int64(maxBody))
	}
	file, err := l.Storage.Open(ctx, h.Name, h.Offset, h.Length)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxBody+1))
	if err = errors.Join(err, file.Close()); err == nil && len(text) > maxBody {
		err = fmt.Errorf("%s has more than the %d bytes that are read at once", h.Name, int64(maxBody))
	}
	return text, err
}

func answer(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
