package repository

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/poly1305" //nolint:staticcheck // the repository format is made with it
)

const (
	ivSize = aes.BlockSize
	// overhead is how many bytes encryption adds: the initialisation vector before, the authentication after.
	overhead = ivSize + poly1305.TagSize
)

// errForged says that data was not written with this key, or was changed since.
var errForged = errors.New("the data is damaged, or was written with another key")

// secretKey encrypts and authenticates. Poly1305 runs with AES over the initialisation vector as its nonce (Bernstein, "The Poly1305-AES
// message-authentication code", 2005).
type secretKey struct {
	encrypt [32]byte
	macK    [16]byte
	macR    [16]byte

	data, mac cipher.Block
}

func (k *secretKey) ready() (*secretKey, error) {
	var err error
	if k.data, err = aes.NewCipher(k.encrypt[:]); err != nil {
		return nil, err
	}
	k.mac, err = aes.NewCipher(k.macK[:])
	return k, err
}

func newSecretKey() (*secretKey, error) {
	k := &secretKey{}
	for _, part := range [][]byte{k.encrypt[:], k.macK[:], k.macR[:]} {
		_, _ = rand.Read(part) // it never fails
	}
	return k.ready()
}

func (k *secretKey) tag(iv []byte) *[32]byte {
	var key [32]byte
	copy(key[:16], k.macR[:])
	k.mac.Encrypt(key[16:], iv)
	return &key
}

// seal appends the encrypted form of plain to dst, which must not overlap it.
func (k *secretKey) seal(dst, plain []byte) []byte {
	begin := len(dst)
	dst = append(dst, make([]byte, ivSize+len(plain)+poly1305.TagSize)...)
	iv := dst[begin : begin+ivSize]
	_, _ = rand.Read(iv) // it never fails
	text := dst[begin+ivSize : len(dst)-poly1305.TagSize]
	cipher.NewCTR(k.data, iv).XORKeyStream(text, plain)
	var tag [poly1305.TagSize]byte
	poly1305.Sum(&tag, text, k.tag(iv))
	copy(dst[len(dst)-poly1305.TagSize:], tag[:])
	return dst
}

// open decrypts in place and returns the plain text, which lies in box.
func (k *secretKey) open(box []byte) ([]byte, error) {
	if len(box) < overhead {
		return nil, errForged
	}
	iv, text := box[:ivSize], box[ivSize:len(box)-poly1305.TagSize]
	var tag [poly1305.TagSize]byte
	copy(tag[:], box[len(box)-poly1305.TagSize:])
	if !poly1305.Verify(&tag, text, k.tag(iv)) {
		return nil, errForged
	}
	cipher.NewCTR(k.data, iv).XORKeyStream(text, text)
	return text, nil
}
