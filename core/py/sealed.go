package py

import "sync"

// Sealed is a text that was encrypted in a file; it is decrypted when it is used for the first time, so that a file can be read without its password.
type Sealed struct {
	Cipher string // as in the file: a header line and the hex digits
	open   func(cipher string) (string, error)
	once   sync.Once
	text   string
	err    error
}

// NewSealed makes a sealed text; open decrypts it, once.
func NewSealed(cipher string, open func(cipher string) (string, error)) *Sealed {
	return &Sealed{Cipher: cipher, open: open}
}

// Text decrypts.
func (s *Sealed) Text() (string, error) {
	s.once.Do(func() { s.text, s.err = s.open(s.Cipher) })
	return s.text, s.err
}
