package agent

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/agent/wire"
)

// beat is how often the agent hears from us; it gives up after some minutes of silence.
const beat = 20 * time.Second

// session is the conversation with one agent.
type session struct {
	target  remote.Target
	process *remote.Process
	out     *wire.Writer
	said    *spoken
	hello   wire.Hello
	done    chan struct{}

	mu      sync.Mutex
	next    uint32
	pending map[uint32]*Pending
	blobs   map[string]Blob
	err     error // why it ended
}

// Pending is a call that is under way.
type Pending struct {
	s      *session
	id     uint32
	done   chan struct{}
	result json.RawMessage
	err    error
}

// converse waits for the agent's greeting.
func converse(ctx context.Context, client *remote.Client, r *running) (*session, error) {
	s := &session{
		target: client.Target, process: r.process, out: wire.NewWriter(r.process.Stdin), said: r.said,
		done: make(chan struct{}), pending: map[uint32]*Pending{}, blobs: map[string]Blob{},
	}
	in := wire.NewReader(r.out)
	stop := context.AfterFunc(ctx, r.process.Kill)
	f, err := in.Read()
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err == nil && f.Kind != wire.KindHello {
		err = fmt.Errorf("it begins with a message of the kind %d", f.Kind)
	}
	if err == nil {
		err = wire.Decode(f.Body, &s.hello)
	}
	if err == nil && s.hello.Version != wire.Version {
		err = fmt.Errorf("it is of version %d, want %d", s.hello.Version, wire.Version)
	}
	if err != nil {
		r.end()
		said, _ := r.said.words()
		return nil, &InstallError{client.Target, fmt.Errorf("the agent did not start: %w: %s", err, said)}
	}
	go s.listen(in)
	go s.beat()
	return s, nil
}

func (s *session) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// send sends a call.
func (s *session) send(call Call) (*Pending, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return nil, fmt.Errorf("sending the module %s: %w", call.Module, err)
	}
	p := &Pending{s: s, done: make(chan struct{})}
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return nil, s.err
	}
	s.next++
	p.id = s.next
	s.pending[p.id] = p
	for _, b := range call.Blobs {
		s.blobs[b.Hash] = b
	}
	s.mu.Unlock()
	if err := s.out.Write(wire.Frame{Kind: wire.KindCall, ID: p.id, Body: body}); err != nil {
		s.fail(err)
	}
	return p, nil
}

// Wait waits for the result. When ctx ends the agent is told to stop, and has a moment to do so.
func (p *Pending) Wait(ctx context.Context) (json.RawMessage, error) {
	select {
	case <-p.done:
		return p.result, p.err
	case <-ctx.Done():
	}
	_ = p.s.out.Write(wire.Frame{Kind: wire.KindCancel, ID: p.id}) // the end of the session tells otherwise
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.s.process.Kill() // it does not stop: the whole conversation ends
	}
	return nil, context.Cause(ctx)
}

// listen takes the agent's messages until the channel ends.
func (s *session) listen(in *wire.Reader) {
	for {
		f, err := in.Read()
		if err == nil {
			err = s.take(f)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *session) take(f wire.Frame) error {
	switch f.Kind {
	case wire.KindPing:
		return nil
	case wire.KindNeed:
		go s.give(string(f.Body)) // so that results are not held up; the writer keeps frames whole
		return nil
	case wire.KindResult:
		s.mu.Lock()
		p := s.pending[f.ID]
		delete(s.pending, f.ID)
		s.mu.Unlock()
		if p == nil {
			return fmt.Errorf("a result of the call %d, which is not under way", f.ID)
		}
		if !json.Valid(f.Body) {
			return errors.New("a result that is no JSON")
		}
		p.result = f.Body
		close(p.done)
		return nil
	}
	return fmt.Errorf("a message of the kind %d", f.Kind)
}

// give sends a blob that the agent has not got. Only what a call named is given.
func (s *session) give(name string) {
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != wire.HashSize {
		s.fail(fmt.Errorf("the agent asked for %q, which is no SHA-256", name))
		return
	}
	s.mu.Lock()
	b, ok := s.blobs[name]
	s.mu.Unlock()
	if !ok {
		err = errors.New("the controller has no such content")
	} else if err = s.pour(raw, b); err == nil {
		return
	}
	if err := s.out.Write(wire.Frame{Kind: wire.KindNoBlob, Body: append(raw, err.Error()...)}); err != nil {
		s.fail(err)
	}
}

func (s *session) pour(hash []byte, b Blob) error {
	data := b.Data
	if b.Path != "" {
		f, err := os.Open(b.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		return s.stream(hash, f)
	}
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), wire.Piece)
		if err := s.piece(hash, data[:n], n == len(data)); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (s *session) stream(hash []byte, r io.Reader) error {
	buffer := make([]byte, wire.Piece)
	for {
		n, err := io.ReadFull(r, buffer)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		if err := s.piece(hash, buffer[:n], last); err != nil || last {
			return err
		}
	}
}

func (s *session) piece(hash, data []byte, last bool) error {
	body := make([]byte, 0, len(hash)+1+len(data))
	body = append(body, hash...)
	if last {
		body = append(body, 1)
	} else {
		body = append(body, 0)
	}
	return s.out.Write(wire.Frame{Kind: wire.KindBlob, Body: append(body, data...)})
}

func (s *session) beat() {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			if err := s.out.Write(wire.Frame{Kind: wire.KindPing}); err != nil {
				s.fail(err)
				return
			}
		}
	}
}

// fail ends the conversation; all calls under way learn why.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = s.lost(err)
	all := s.pending
	s.pending = nil
	s.mu.Unlock()
	close(s.done)
	s.process.Kill()
	for _, p := range all {
		p.err = s.err
		close(p.done)
	}
}

func (s *session) lost(err error) error {
	said, _ := s.said.words()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
		err = errors.New("the agent ended")
	}
	if said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return &remote.UnreachableError{Target: s.target, Lost: true, Err: err}
}

// close lets the agent end by itself: its input ends.
func (s *session) close() error {
	s.mu.Lock()
	if s.err == nil {
		s.err = errors.New("the connection was closed")
		close(s.done)
	}
	all := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, p := range all {
		p.err = errors.New("the connection was closed")
		close(p.done)
	}
	_ = s.process.Stdin.Close() // it may have ended
	ended := make(chan struct{})
	go func() {
		_ = s.process.Wait() // how it ended does not matter any more
		close(ended)
	}()
	timer := time.NewTimer(3 * time.Second)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		s.process.Kill()
	}
	return nil
}
