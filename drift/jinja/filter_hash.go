package jinja

import (
	"crypto/md5"  //nolint:gosec // Ansible's md5 filter
	"crypto/sha1" //nolint:gosec // Ansible's checksum filter
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"

	"goodstate.dev/goodstate/core/py"
)

var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	"sha3_224": func() hash.Hash { return sha3.New224() }, "sha3_256": func() hash.Hash { return sha3.New256() },
	"sha3_384": func() hash.Hash { return sha3.New384() }, "sha3_512": func() hash.Hash { return sha3.New512() },
	"blake2b": func() hash.Hash { h, _ := blake2b.New512(nil); return h },
	"blake2s": func() hash.Hash { h, _ := blake2s.New256(nil); return h },
}

// Filters that hash and encode.
func init() {
	filters.add("hash", "data hashtype='sha1'", func(c *call) (any, error) {
		kind, err := c.str(1)
		if err != nil {
			return nil, err
		}
		return c.digest(kind)
	})
	filters.add("checksum|sha1", "data", func(c *call) (any, error) { return c.digest("sha1") })
	filters.add("md5", "data", func(c *call) (any, error) { return c.digest("md5") })
	filters.add("b64encode", "string encoding='utf-8'", func(c *call) (any, error) {
		s, err := c.bytes(0)
		if err != nil {
			return nil, err
		}
		encoding, err := c.str(1)
		if err != nil {
			return nil, err
		}
		if s, err = encode(s, encoding); err != nil {
			return nil, err
		}
		return base64.StdEncoding.EncodeToString(s), c.r.wrote(2 * len(s))
	})
	filters.add("b64decode", "string encoding='utf-8'", func(c *call) (any, error) {
		s, err := c.bytes(0)
		if err != nil {
			return nil, err
		}
		encoding, err := c.str(1)
		if err != nil {
			return nil, err
		}
		data, err := lenient64(string(s))
		if err != nil {
			return nil, err
		}
		return decode(data, encoding)
	})
	filters.add("to_uuid", "string namespace='361E6D51-FAEC-444A-9079-341386DA8E2E'", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil {
			return nil, err
		}
		space, err := c.str(1)
		if err != nil {
			return nil, err
		}
		raw, err := hex.DecodeString(strings.Map(func(r rune) rune {
			if strings.ContainsRune("-{}", r) {
				return -1
			}
			return r
		}, strings.TrimPrefix(space, "urn:uuid:")))
		if err != nil || len(raw) != 16 {
			return nil, filterErrorf("Invalid value '%s' for 'namespace': badly formed hexadecimal UUID string", space)
		}
		h := sha1.Sum(append(raw, s...)) //nolint:gosec // UUID version 5
		u := h[:16]
		u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
	})
}

func (c *call) bytes(i int) ([]byte, error) {
	if b, ok := c.args[i].(py.Bytes); ok {
		return b, nil
	}
	s, err := c.str(i)
	return []byte(s), err
}

func (c *call) digest(kind string) (any, error) {
	make, ok := hashes[kind]
	if !ok {
		return nil, filterErrorf("unsupported hash type %s", kind)
	}
	data, err := c.bytes(0)
	if err != nil {
		return nil, err
	}
	h := make()
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// lenient64 decodes as Python's b64decode does: what is no base64 digit is left out, and padding ends it only where it is due.
func lenient64(s string) ([]byte, error) {
	digits := make([]byte, 0, len(s))
	pads, padded := 0, false
	for i := 0; i < len(s) && !padded; i++ {
		c := s[i]
		switch {
		case c == '=':
			if n := len(digits) % 4; n >= 2 {
				pads++
				padded = n+pads >= 4
			}
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/':
			digits = append(digits, c)
			pads = 0
		}
	}
	switch n := len(digits) % 4; {
	case n == 1:
		return nil, valueErrorf("Invalid base64-encoded string: number of data characters (%d) cannot be 1 more than a multiple of 4", len(digits))
	case n != 0 && !padded:
		return nil, valueErrorf("Incorrect padding")
	}
	return base64.RawStdEncoding.DecodeString(string(digits))
}

// encode and decode know the encodings that playbooks use.
func encode(s []byte, encoding string) ([]byte, error) {
	switch strings.ReplaceAll(strings.ToLower(encoding), "_", "-") {
	case "utf-8", "utf8", "ascii":
		return s, nil
	case "utf-16-le", "utf-16le":
		return utf16le(string(s)), nil
	case "utf-16":
		return append([]byte{0xff, 0xfe}, utf16le(string(s))...), nil
	case "latin-1", "latin1", "iso-8859-1":
		var out []byte
		for _, r := range string(s) {
			if r > 0xff {
				return nil, valueErrorf("'latin-1' codec can't encode character")
			}
			out = append(out, byte(r))
		}
		return out, nil
	}
	return nil, fmt.Errorf("unknown encoding: %s", encoding)
}

func utf16le(s string) []byte {
	var out []byte
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			hi, lo := 0xd800+r>>10, 0xdc00+r&0x3ff
			out = append(out, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
			continue
		}
		out = append(out, byte(r), byte(r>>8))
	}
	return out
}

func decode(data []byte, encoding string) (string, error) {
	switch strings.ReplaceAll(strings.ToLower(encoding), "_", "-") {
	case "utf-8", "utf8", "ascii":
		return string(data), nil
	case "latin-1", "latin1", "iso-8859-1":
		var b strings.Builder
		for _, c := range data {
			b.WriteRune(rune(c))
		}
		return b.String(), nil
	case "utf-16", "utf-16-le", "utf-16le":
		var b strings.Builder
		for i := 0; i+1 < len(data); i += 2 {
			r := rune(data[i]) | rune(data[i+1])<<8
			if i == 0 && r == 0xfeff {
				continue
			}
			if r >= 0xd800 && r < 0xdc00 && i+3 < len(data) {
				lo := rune(data[i+2]) | rune(data[i+3])<<8
				r = (r-0xd800)<<10 + lo - 0xdc00 + 0x10000
				i += 2
			}
			b.WriteRune(r)
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("unknown encoding: %s", encoding)
}
