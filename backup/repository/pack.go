package repository

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The types of blobs in the header of a pack.
const (
	headData       = 0
	headTree       = 1
	headZippedData = 2
	headZippedTree = 3
)

const (
	headPlain  = 1 + 4 + 32 // type, length, ID
	headZipped = headPlain + 4
)

// packer collects the blobs of one pack in memory.
type packer struct {
	bytes []byte
	blobs []indexBlob
}

// add appends a blob's encrypted form, made by seal.
func (p *packer) add(id ID, kind BlobType, plain int, seal func(dst []byte) []byte) {
	offset := len(p.bytes)
	p.bytes = seal(p.bytes)
	p.blobs = append(p.blobs, indexBlob{ID: id, Type: kind.String(), Offset: uint32(offset), Length: uint32(len(p.bytes) - offset), Plain: uint32(plain)})
}

// finish appends the header and returns the pack's ID.
func (p *packer) finish(key *secretKey) ID {
	head := make([]byte, 0, len(p.blobs)*headZipped)
	for _, b := range p.blobs {
		kind := byte(headData)
		if b.Type == "tree" {
			kind = headTree
		}
		if b.Plain != 0 {
			kind += headZippedData
		}
		head = append(head, kind)
		head = binary.LittleEndian.AppendUint32(head, b.Length)
		if b.Plain != 0 {
			head = binary.LittleEndian.AppendUint32(head, b.Plain)
		}
		head = append(head, b.ID[:]...)
	}
	before := len(p.bytes)
	p.bytes = key.seal(p.bytes, head)
	p.bytes = binary.LittleEndian.AppendUint32(p.bytes, uint32(len(p.bytes)-before))
	return IDOf(p.bytes)
}

// maxHeader bounds the header of a pack that is read.
const maxHeader = 64 << 20

// readHeader reads from a pack itself which blobs it has.
func (r *Repository) readHeader(ctx context.Context, id ID, size int64) ([]indexBlob, error) {
	if size < 4+overhead {
		return nil, fmt.Errorf("pack %s has %d bytes, too few for a header", id.Short(), size)
	}
	name := packName(id)
	last, err := r.readAt(ctx, name, size-4, 4)
	if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(last))
	if length < overhead || length > maxHeader || length > size-4 {
		return nil, fmt.Errorf("pack %s claims a header of %d bytes: it is damaged", id.Short(), length)
	}
	box, err := r.readAt(ctx, name, size-4-length, int(length))
	if err != nil {
		return nil, err
	}
	head, err := r.key.open(box)
	if err != nil {
		return nil, fmt.Errorf("header of pack %s: %w", id.Short(), err)
	}
	blobs, end, err := parseHeader(head)
	if err != nil {
		return nil, fmt.Errorf("header of pack %s: %w", id.Short(), err)
	}
	if end != size-4-length {
		return nil, fmt.Errorf("pack %s has %d bytes of blobs, its header lists %d", id.Short(), size-4-length, end)
	}
	return blobs, nil
}

func parseHeader(head []byte) (blobs []indexBlob, end int64, err error) {
	for len(head) > 0 {
		if len(head) < headPlain || head[0] > headZippedTree || head[0] >= headZippedData && len(head) < headZipped {
			return nil, 0, errors.New("it is not made of blobs")
		}
		b := indexBlob{Type: "data", Offset: uint32(end), Length: binary.LittleEndian.Uint32(head[1:])}
		if head[0] == headTree || head[0] == headZippedTree {
			b.Type = "tree"
		}
		rest := head[5:]
		if head[0] >= headZippedData {
			b.Plain = binary.LittleEndian.Uint32(rest)
			rest = rest[4:]
		}
		copy(b.ID[:], rest)
		head = rest[32:]
		if end += int64(b.Length); end > 1<<32-1 {
			return nil, 0, errors.New("it is larger than a pack can be")
		}
		blobs = append(blobs, b)
	}
	return blobs, end, nil
}

func (r *Repository) readAt(ctx context.Context, name string, offset int64, length int) ([]byte, error) {
	data := make([]byte, length)
	return data, r.readInto(ctx, name, offset, data)
}

func (r *Repository) readInto(ctx context.Context, name string, offset int64, data []byte) error {
	from, err := r.storage.Open(ctx, name, offset, int64(len(data)))
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := io.ReadFull(from, data); err != nil {
		return fmt.Errorf("read %d bytes at %d of %s: %w", len(data), offset, name, err)
	}
	return nil
}

// Blob reads a blob and proves that it is what its ID says.
func (r *Repository) Blob(ctx context.Context, id ID) ([]byte, error) {
	pack, p, err := r.find(id)
	if err != nil {
		return nil, err
	}
	box, err := r.readAt(ctx, packName(pack), int64(p.offset), int(p.length))
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", id.Short(), err)
	}
	plain, err := r.unpack(id, int(p.plain), box)
	if err != nil {
		return nil, fmt.Errorf("blob %s in pack %s: %w", id.Short(), pack.Short(), err)
	}
	return plain, nil
}

// unpack makes the plain text of a blob's encrypted form, which it overwrites. plain is the size of a compressed one, else 0.
func (r *Repository) unpack(id ID, plain int, box []byte) ([]byte, error) {
	text, err := r.key.open(box)
	if err != nil {
		return nil, err
	}
	if plain != 0 {
		if text, err = r.zip.expand(text, plain); err != nil {
			return nil, err
		}
	}
	if IDOf(text) != id {
		return nil, errors.New("its text is not what its ID says")
	}
	return text, nil
}
