// Package wire lends a storage to a process at the other end of a stream, which needs no way of its own to where the files lie and gets no credentials for it. What that
// process may do is decided on this side. It also carries what the two have to tell each other beside files: questions by name with a text and an answer.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"goodstate.dev/goodstate/backup/storage"
)

// header begins each message: its length as 4 bytes, most significant first, then itself as JSON, then as many bytes of body as it says.
type header struct {
	ID     uint64 `json:"id"`           // of the question; its answer has the same
	Op     string `json:"op,omitempty"` // what is asked; empty in an answer
	Name   string `json:"name,omitempty"`
	Offset int64  `json:"offset,omitempty"`
	Length int64  `json:"length,omitempty"`
	Body   int64  `json:"body,omitempty"` // bytes that follow
	Error  string `json:"error,omitempty"`
	Kind   string `json:"kind,omitempty"` // of the error
}

// What is asked of a storage.
const (
	opSave   = "save"
	opOpen   = "open"
	opSize   = "size"
	opList   = "list"
	opRemove = "remove"
)

const (
	maxHeader = 64 << 10
	// maxBody bounds what one message makes the other side keep: no file of a repository is larger in one read.
	maxBody = 512 << 20
)

// kinds of errors that both sides know.
var kinds = map[string]error{"not-found": storage.ErrNotFound, "exists": storage.ErrExists, "refused": storage.ErrRefused}

// channel writes and reads messages. Many may write.
type channel struct {
	mu sync.Mutex
	to io.Writer
}

func (c *channel) write(h header, body []byte) error {
	h.Body = int64(len(body))
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	message := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	if _, err := c.to.Write(message); err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	_, err = c.to.Write(body)
	return err
}

func read(from io.Reader) (h header, body []byte, err error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return h, nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxHeader {
		return h, nil, fmt.Errorf("a message begins with %q: not what this stream is for", length)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return h, nil, cut(err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, nil, fmt.Errorf("a message that cannot be read: %w", err)
	}
	if h.Body < 0 || h.Body > maxBody {
		return h, nil, fmt.Errorf("a message of %d bytes, more than the %d that one may have", h.Body, int64(maxBody))
	}
	if h.Body > 0 {
		body = make([]byte, h.Body)
		_, err = io.ReadFull(from, body)
	}
	return h, body, cut(err)
}

// cut is an end in the middle of a message.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (h *header) fail(err error) {
	h.Error = err.Error()
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			h.Kind = name
		}
	}
}

// failure is the error of an answer.
func (h *header) failure() error {
	switch kind := kinds[h.Kind]; {
	case h.Error == "":
		return nil
	case kind != nil:
		return &remoteError{h.Error, kind}
	}
	return errors.New(h.Error)
}

// remoteError has the words of the other side and the meaning that both know.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }
