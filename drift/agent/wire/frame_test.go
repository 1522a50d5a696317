package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"goodstate.dev/goodstate/drift/agent/wire"
)

func TestFramesArriveAsTheyWereSent(t *testing.T) {
	var b bytes.Buffer
	w := wire.NewWriter(&b)
	sent := []wire.Frame{{Kind: wire.KindPing}, {Kind: wire.KindCall, ID: 7, Body: []byte("{}")}, {Kind: wire.KindBlob, Body: bytes.Repeat([]byte("x"), 3<<20)}}
	for _, f := range sent {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	r := wire.NewReader(&b)
	for i, want := range sent {
		got, err := r.Read()
		if err != nil || got.Kind != want.Kind || got.ID != want.ID || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("frame %d: kind %d, id %d, %d bytes, %v", i, got.Kind, got.ID, len(got.Body), err)
		}
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %v, want the end", err)
	}
}

func TestWhatIsAnnouncedIsBounded(t *testing.T) {
	for _, n := range []uint32{0, 4, wire.MaxFrame + 100, 1<<32 - 1} {
		head := append(binary.BigEndian.AppendUint32(nil, n), 1, 0, 0, 0, 0)
		if _, err := wire.NewReader(bytes.NewReader(head)).Read(); err == nil || !strings.Contains(err.Error(), "announced") {
			t.Errorf("%d bytes: %v, want a refusal", n, err)
		}
	}
	if err := wire.NewWriter(io.Discard).Write(wire.Frame{Body: make([]byte, wire.MaxFrame)}); err == nil {
		t.Error("a frame that nobody takes was sent")
	}
}

func FuzzFramesAreReadOrRefused(f *testing.F) {
	f.Add([]byte{0, 0, 0, 5, 1, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 7, 2, 0, 0, 0, 1, '{', '}'})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewReader(bytes.NewReader(data))
		for {
			frame, err := r.Read()
			if err != nil {
				return
			}
			if len(frame.Body) > len(data) {
				t.Fatal("more came out than went in")
			}
		}
	})
}
