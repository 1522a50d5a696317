package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// Links signs what links in notices lead to. A signed link only opens a page that asks: who acts there has to be logged in and allowed to. The signature
// keeps anybody else from making links that ask for something else, and old ones from being used.
type Links struct{ key []byte }

const linkKey = 32 // bytes

// OpenLinks reads the key of a file that only this user can read, and makes it where there is none.
func OpenLinks(path string) (*Links, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, linkKey)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("key of links: %w", err)
		}
		if err := os.WriteFile(path, key, 0o600); err != nil {
			return nil, fmt.Errorf("key of links: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("key of links: %w", err)
	}
	if len(key) != linkKey {
		return nil, fmt.Errorf("key of links: %s has %d bytes, want %d; remove it, and links that are out are worth nothing", path, len(key), linkKey)
	}
	return &Links{key}, nil
}

// Sign is the signature of some words until a time.
func (l *Links) Sign(until time.Time, words ...string) string {
	mac := hmac.New(sha256.New, l.key)
	for _, w := range append(words, strconv.FormatInt(until.Unix(), 10)) {
		fmt.Fprintf(mac, "%d:%s", len(w), w)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// Check says why a signature does not hold now; nil: it does.
func (l *Links) Check(signature, until string, now time.Time, words ...string) error {
	seconds, err := strconv.ParseInt(until, 10, 64)
	at := time.Unix(seconds, 0)
	if err != nil || !hmac.Equal([]byte(l.Sign(at, words...)), []byte(strings.ToLower(signature))) {
		return errors.New("this link was not made here, or was changed")
	}
	if now.After(at) {
		return fmt.Errorf("this link was good until %s", at.Local().Format("2006-01-02 15:04:05"))
	}
	return nil
}
