package jinja

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/blowfish" //nolint:staticcheck // bcrypt is made of it

	"goodstate.dev/goodstate/core/py"
)

func init() {
	filters.add("password_hash", "password hashtype='sha512' salt=None salt_size=None rounds=None ident=None", filterPasswordHash)
}

const saltLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"

func randomText(n int, letters string) (string, error) {
	t := &twister{system: true}
	var b strings.Builder
	for range n {
		i, err := t.below(int64(len(letters)))
		if err != nil {
			return "", err
		}
		b.WriteByte(letters[i])
	}
	return b.String(), nil
}

func filterPasswordHash(c *call) (any, error) {
	password, err := c.str(0)
	if err != nil {
		return nil, err
	}
	kind, err := c.str(1)
	if err != nil {
		return nil, err
	}
	salt := ""
	if c.args[2] != nil {
		if salt, err = c.str(2); err != nil {
			return nil, err
		}
	}
	size, rounds := 0, 0
	for i, to := range map[int]*int{3: &size, 4: &rounds} {
		if c.args[i] != nil {
			if *to, err = c.int(i); err != nil {
				return nil, err
			}
		}
	}
	ident := ""
	if c.args[5] != nil {
		ident = py.Str(c.args[5])
	}
	out, err := hashPassword(password, kind, salt, size, rounds, ident)
	if err != nil {
		return nil, filterErrorf("%v", err)
	}
	return out, nil
}

// hashPassword makes what goes into /etc/shadow, with the rounds that Ansible takes where none are said.
func hashPassword(password, kind, salt string, size, rounds int, ident string) (string, error) {
	switch kind {
	case "sha512", "sha512_crypt":
		return shaCrypt(password, salt, size, rounds, 656000, "6", sha512.New)
	case "sha256", "sha256_crypt":
		return shaCrypt(password, salt, size, rounds, 535000, "5", sha256.New)
	case "blowfish", "bcrypt":
		return bcrypt(password, salt, rounds, ident)
	}
	return "", fmt.Errorf("goodstate does not hash passwords with '%s'; sha512, sha256 and bcrypt are known", kind)
}

const cryptDigits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// shaCrypt is SHA-crypt by Ulrich Drepper's specification.
func shaCrypt(password, salt string, size, rounds, usual int, ident string, make func() hash.Hash) (string, error) {
	if size <= 0 || size > 16 {
		size = 16
	}
	if salt == "" {
		var err error
		if salt, err = randomText(size, saltLetters); err != nil {
			return "", err
		}
	}
	if len(salt) > 16 || strings.Trim(salt, saltLetters) != "" {
		return "", errors.New("invalid characters in salt, or more than 16 of them")
	}
	if rounds == 0 {
		rounds = usual
	}
	if rounds < 1000 || rounds > 5_000_000 {
		return "", fmt.Errorf("rounds must be 1000 to 5000000, not %d", rounds)
	}
	text := salt
	if rounds != 5000 {
		text = "rounds=" + strconv.Itoa(rounds) + "$" + salt
	}
	return "$" + ident + "$" + text + "$" + shaDigest([]byte(password), []byte(salt), rounds, make), nil
}

func shaDigest(key, salt []byte, rounds int, make func() hash.Hash) string {
	sum := func(parts ...[]byte) []byte {
		h := make()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	stretch := func(d []byte, n int) []byte { return bytes.Repeat(d, n/len(d)+1)[:n] }
	alternate := sum(key, salt, key)
	parts := [][]byte{key, salt, stretch(alternate, len(key))}
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			parts = append(parts, alternate)
		} else {
			parts = append(parts, key)
		}
	}
	a := sum(parts...)
	p := stretch(sum(bytes.Repeat(key, len(key))), len(key))
	s := stretch(sum(bytes.Repeat(salt, 16+int(a[0]))), len(salt))
	h := make()
	for i := range rounds {
		h.Reset()
		if i&1 != 0 {
			h.Write(p)
		} else {
			h.Write(a)
		}
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i&1 != 0 {
			h.Write(a)
		} else {
			h.Write(p)
		}
		a = h.Sum(a[:0])
	}
	return shaDigits(a)
}

// shaDigits writes a digest in groups of three bytes whose places the specification lists; they go round by a third of the digest.
func shaDigits(d []byte) string {
	var b strings.Builder
	write := func(v uint32, n int) {
		for range n {
			b.WriteByte(cryptDigits[v&63])
			v >>= 6
		}
	}
	third := len(d) / 3
	turn := [3]int{0, third, 2 * third}
	step := 1
	if len(d) == 64 {
		step = 2
	}
	for range third {
		x, y, z := turn[0], turn[1], turn[2]
		write(uint32(d[x])<<16|uint32(d[y])<<8|uint32(d[z]), 4)
		if step == 1 {
			turn = [3]int{z + 1, x + 1, y + 1}
		} else {
			turn = [3]int{y + 1, z + 1, x + 1}
		}
	}
	if len(d) == 64 {
		write(uint32(d[63]), 2)
	} else {
		write(uint32(d[31])<<8|uint32(d[30]), 3)
	}
	return b.String()
}

var bcryptBase64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// bcrypt with a salt of the caller's, which the library of the Go team does not take.
func bcrypt(password, salt string, rounds int, ident string) (string, error) {
	if rounds == 0 {
		rounds = 12
	}
	if rounds < 4 || rounds > 16 {
		return "", fmt.Errorf("rounds must be 4 to 16, not %d", rounds)
	}
	if ident == "" {
		ident = "2b"
	}
	raw := make([]byte, 16)
	if salt == "" {
		if _, err := rand.Read(raw); err != nil {
			return "", err
		}
	} else {
		d, err := bcryptBase64.DecodeString(salt)
		if err != nil || len(d) != 16 {
			return "", errors.New("invalid salt size or characters: bcrypt takes 22 of ./A-Za-z0-9")
		}
		raw = d
	}
	key := []byte(password)
	if len(key) > 72 {
		key = key[:72]
	}
	key = append(key, 0)
	cipher, err := blowfish.NewSaltedCipher(key, raw)
	if err != nil {
		return "", err
	}
	for range uint64(1) << rounds {
		blowfish.ExpandKey(key, cipher)
		blowfish.ExpandKey(raw, cipher)
	}
	data := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < 24; i += 8 {
		for range 64 {
			cipher.Encrypt(data[i:i+8], data[i:i+8])
		}
	}
	return fmt.Sprintf("$%s$%02d$%s%s", ident, rounds, bcryptBase64.EncodeToString(raw), bcryptBase64.EncodeToString(data[:23])), nil
}
