// Package repository keeps backups in restic's repository format, version 2, so that plain restic can restore them when goodstate is gone. The format is
// described in restic's documentation ("References: Design"). A file in a repository is written once and never changed; its name is the SHA-256 of its bytes.
//
// Data is cut into blobs, which are compressed, encrypted (AES-256-CTR) and authenticated (Poly1305-AES) and stored in packs; an index says where each blob
// lies. Nothing is deleted but by Prune, and that only under an exclusive lock.
package repository

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ID is the SHA-256 of what it names: a file, or the plain text of a blob.
type ID [sha256.Size]byte

// IDOf is the ID of data.
func IDOf(data []byte) ID { return sha256.Sum256(data) }

// ParseID reads 64 hexadecimal digits.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 2*len(id) {
		return id, fmt.Errorf("%q is not an ID, want 64 hexadecimal digits", text)
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return id, fmt.Errorf("%q is not an ID: %w", text, err)
	}
	return id, nil
}

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short is the first eight digits, as people name it.
func (id ID) Short() string { return id.String()[:8] }

// IsZero says that no ID was given.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the digits.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads the digits.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

func randomID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // it never fails
	return id
}
