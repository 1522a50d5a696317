// Package wire has what the controller and the agent on a host say to each other: length-prefixed frames over one channel. Either side takes
// the other for hostile: every length is bounded, and what is not understood ends the conversation.
package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// Version is the contract number; an agent of another version is not talked to.
const Version = 1

// Kind says what a frame is.
type Kind byte

// The kinds of frames.
const (
	KindHello  Kind = 1 + iota // agent: Hello
	KindCall                   // controller: Call
	KindResult                 // agent: a module's result as JSON
	KindNeed                   // agent: the hash of a blob that a call needs
	KindBlob                   // controller: hash, last, a piece of the blob
	KindNoBlob                 // controller: hash, why there is none
	KindCancel                 // controller: the call is not wanted any more
	KindPing                   // both: still here
)

// Bounds of frames and blobs.
const (
	MaxFrame = 96 << 20
	Piece    = 256 << 10
	header   = 9
	HashSize = 32
)

// Frame is one message. ID is the number of the call that it belongs to, or 0.
type Frame struct {
	Kind Kind
	ID   uint32
	Body []byte
}

// Writer sends frames; it may be used by several goroutines.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter sends frames over w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write sends one frame, in pieces of memory that are not copied when they are large.
func (w *Writer) Write(f Frame) error {
	if len(f.Body)+header-4 > MaxFrame {
		return fmt.Errorf("a message of %d bytes, want at most %d", len(f.Body), MaxFrame)
	}
	var head [header]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(f.Body)+header-4)) //nolint:gosec // bounded above
	head[4] = byte(f.Kind)
	binary.BigEndian.PutUint32(head[5:], f.ID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(f.Body) < 16<<10 {
		_, err := w.w.Write(append(head[:], f.Body...))
		return err
	}
	if _, err := w.w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.w.Write(f.Body)
	return err
}

// Reader receives frames.
type Reader struct{ r *bufio.Reader }

// NewReader receives frames from r.
func NewReader(r io.Reader) *Reader { return &Reader{bufio.NewReaderSize(r, 32<<10)} }

// Read waits for the next frame. It takes memory as the bytes come, not as their number is announced.
func (r *Reader) Read() (Frame, error) {
	var head [header]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return Frame{}, err
	}
	n := int64(binary.BigEndian.Uint32(head[:])) - (header - 4)
	if n < 0 || n > MaxFrame {
		return Frame{}, fmt.Errorf("a message of %d bytes is announced, want 0 to %d", n, MaxFrame)
	}
	f := Frame{Kind: Kind(head[4]), ID: binary.BigEndian.Uint32(head[5:])}
	if n <= Piece*2 {
		f.Body = make([]byte, n)
		_, err := io.ReadFull(r.r, f.Body)
		return f, err
	}
	body, err := io.ReadAll(io.LimitReader(r.r, n))
	if err == nil && int64(len(body)) < n {
		err = io.ErrUnexpectedEOF
	}
	f.Body = body
	return f, err
}
