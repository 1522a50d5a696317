package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// boxKey is the length of a box's key in bytes: AES-256.
const boxKey = 32

// Box seals values with a key that lies in a file of its own, so that a copy of the database alone opens nothing. It uses AES-256-GCM
// with random nonces (NIST SP 800-38D), which is sound for far more values than people ever type.
type Box struct{ seal cipher.AEAD }

// OpenBox reads the key, or makes one where there is none.
func OpenBox(path string) (*Box, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, boxKey)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("key of sealed values: %w", err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, fmt.Errorf("key of sealed values: %w", err)
		}
		_, err = f.Write(key)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, fmt.Errorf("key of sealed values: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("key of sealed values: %w", err)
	}
	if len(key) != boxKey {
		return nil, fmt.Errorf("key of sealed values: %s has %d bytes, want %d; put back the file that belongs to this data directory", path, len(key), boxKey)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of sealed values: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("key of sealed values: %w", err)
	}
	return &Box{seal}, nil
}

// Seal encrypts a value for one place: it opens nowhere else.
func (b *Box) Seal(place string, value []byte) ([]byte, error) {
	nonce := make([]byte, b.seal.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	return b.seal.Seal(nonce, nonce, value, []byte(place)), nil
}

// Open decrypts what was sealed for a place.
func (b *Box) Open(place string, sealed []byte) ([]byte, error) {
	n := b.seal.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("open %s: %d bytes are no sealed value", place, len(sealed))
	}
	value, err := b.seal.Open(nil, sealed[:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("open %s: it was sealed with another key, for another place, or is damaged; set it again", place)
	}
	return value, nil
}
