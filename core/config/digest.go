package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Digest is the SHA-256, in hex, of the value's JSON with sorted keys: the same configuration has the same digest,
// however the file was laid out. Secrets count by their names. It panics on what JSON cannot hold (a channel, a
// function), which is a mistake in the program.
func Digest(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("config: digest of %T: %v", v, err))
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		panic(fmt.Sprintf("config: digest of %T: %v", v, err))
	}
	sorted, err := json.Marshal(plain) // writes the keys of objects in order
	if err != nil {
		panic(fmt.Sprintf("config: digest of %T: %v", v, err))
	}
	sum := sha256.Sum256(sorted)
	return hex.EncodeToString(sum[:])
}
