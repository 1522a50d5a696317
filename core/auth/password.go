package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost is what hashing one password takes.
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultCost is the recommendation of the OWASP Password Storage Cheat Sheet for argon2id: 19 MiB, two passes, one thread.
var DefaultCost = Cost{Memory: 19 * 1024, Passes: 2, Threads: 1}

// Bounds of a cost that is believed when it is read from the database: a changed row must not make a login take gigabytes or minutes.
const (
	mostMemory  = 1024 * 1024
	mostPasses  = 64
	mostThreads = 16
)

func (c Cost) check() error {
	if c.Passes < 1 || c.Passes > mostPasses || c.Threads < 1 || c.Threads > mostThreads || c.Memory < 8*uint32(c.Threads) || c.Memory > mostMemory {
		return fmt.Errorf("password cost m=%d,t=%d,p=%d is out of bounds; want memory up to %d KiB and 8 per thread, 1-%d passes, 1-%d threads",
			c.Memory, c.Passes, c.Threads, mostMemory, mostPasses, mostThreads)
	}
	return nil
}

// below says whether one of the parameters is lower than wanted.
func (c Cost) below(want Cost) bool {
	return c.Memory < want.Memory || c.Passes < want.Passes || c.Threads < want.Threads
}

const (
	shortestPassword = 10  // characters
	longestPassword  = 256 // bytes
	saltSize         = 16
	keySize          = 32
)

// checkPassword is the policy: length counts, composition does not.
func checkPassword(name, password string) error {
	switch {
	case !utf8.ValidString(password):
		return errors.New("password: it is not valid UTF-8 text")
	case utf8.RuneCountInString(password) < shortestPassword:
		return fmt.Errorf("password: it has %d characters, want at least %d", utf8.RuneCountInString(password), shortestPassword)
	case len(password) > longestPassword:
		return fmt.Errorf("password: it has %d bytes, want at most %d", len(password), longestPassword)
	case strings.EqualFold(password, name):
		return errors.New("password: it is the user's name; choose another one")
	}
	return nil
}

var b64 = base64.RawStdEncoding

// hashPassword returns the PHC string of a password with a fresh salt: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func hashPassword(password string, c Cost) string {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails: the runtime ends the process instead
	key := argon2.IDKey([]byte(password), salt, c.Passes, c.Memory, c.Threads, keySize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Passes, c.Threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// verifyPassword says, in constant time, whether a password belongs to a PHC string; the error is about the string.
func verifyPassword(password, hash string) (bool, error) {
	c, salt, key, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, c.Passes, c.Memory, c.Threads, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

// parseHash takes a PHC string apart. Errors do not repeat it.
func parseHash(hash string) (c Cost, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Cost{}, nil, nil, errors.New("stored password: not an argon2id hash; set the password again")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Passes, &c.Threads); err != nil {
		return Cost{}, nil, nil, errors.New("stored password: its parameters cannot be read; set the password again")
	}
	if err := c.check(); err != nil {
		return Cost{}, nil, nil, fmt.Errorf("stored password: %w", err)
	}
	salt, errSalt := b64.DecodeString(parts[4])
	key, errKey := b64.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return Cost{}, nil, nil, errors.New("stored password: its salt or key is damaged; set the password again")
	}
	return c, salt, key, nil
}
