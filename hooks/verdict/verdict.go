// Package verdict remembers what was judged to be good, so that the same judge does not look at the same thing twice: before a push at what was looked at before
// a commit, in CI, on a server. It keeps digests only. What was not good is never kept, and what cannot be read counts as unknown.
package verdict

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
)

// Key stands for one judge and one thing: the first half of a SHA-256.
type Key [16]byte

// Of is the key of some texts. Their lengths count, so that no two lists are the same.
func Of(parts ...string) Key {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	return Key(h.Sum(nil)[:16])
}

// String is the key in hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Program tells this build of goodstate from others, so that a verdict of one is not taken for that of another. The two programs of one release have the same.
var Program = sync.OnceValue(func() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return File(os.Executable())
	}
	version, dirty := build.Main.Version, true
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			version += " " + s.Value
		case "vcs.modified":
			dirty = s.Value != "false"
		}
	}
	if dirty { // two builds with the same name may differ
		version += " " + File(os.Executable())
	}
	return version
})

// File tells one state of a program's file from others; empty when it cannot be told.
func File(path string, err error) string {
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}
