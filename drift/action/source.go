package action

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Ansible's checksum of files
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/py"
)

// source is content of the controller on its way to a host.
type source struct {
	blob Blob
	sha1 string
	mode os.FileMode // of the file it comes from
}

// sums remembers the hashes of files: many hosts get the same ones.
var sums = struct {
	sync.Mutex
	known map[string]summed
}{known: map[string]summed{}}

type summed struct {
	size         int64
	time         time.Time
	sha256, sha1 string
	vault        bool
}

const vaultHeader = "$ANSIBLE_VAULT;"

func textSource(data []byte) source {
	long, short := sha256.Sum256(data), sha1.Sum(data) //nolint:gosec // Ansible's checksum of files
	return source{blob: Blob{Hash: hex.EncodeToString(long[:]), Data: data}, sha1: hex.EncodeToString(short[:])}
}

// fileSource reads a file of the controller once; a vault is opened unless the task says decrypt: false.
func (t *Task) fileSource(path string) (source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return source{}, fmt.Errorf("could not find src=%s, %w", path, err)
	}
	sums.Lock()
	s, ok := sums.known[path]
	sums.Unlock()
	if !ok || s.size != info.Size() || !s.time.Equal(info.ModTime()) {
		if s, err = sumFile(path, info); err != nil {
			return source{}, err
		}
		sums.Lock()
		sums.known[path] = s
		sums.Unlock()
	}
	decrypt, err := t.Bool("decrypt", true)
	if err != nil {
		return source{}, err
	}
	if s.vault && decrypt && t.Decrypt != nil {
		text, err := os.ReadFile(path)
		if err != nil {
			return source{}, err
		}
		if text, err = t.Decrypt(path, text); err != nil {
			return source{}, err
		}
		opened := textSource(text)
		opened.mode = info.Mode()
		return opened, nil
	}
	return source{blob: Blob{Hash: s.sha256, Path: path}, sha1: s.sha1, mode: info.Mode()}, nil
}

func sumFile(path string, info os.FileInfo) (summed, error) {
	f, err := os.Open(path)
	if err != nil {
		return summed{}, err
	}
	defer f.Close()
	long, short := sha256.New(), sha1.New() //nolint:gosec // Ansible's checksum of files
	head := make([]byte, len(vaultHeader))
	n, err := io.ReadFull(f, head)
	if err != nil && n == len(head) {
		return summed{}, err
	}
	if _, err := io.Copy(io.MultiWriter(long, short), io.MultiReader(bytes.NewReader(head[:n]), f)); err != nil {
		return summed{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return summed{info.Size(), info.ModTime(), hex.EncodeToString(long.Sum(nil)), hex.EncodeToString(short.Sum(nil)), string(head[:n]) == vaultHeader}, nil
}

// needle finds a file of the controller for a task.
func (t *Task) needle(kind, name string) (string, error) {
	if strings.HasPrefix(name, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			name = home + name[1:]
		}
	}
	return t.Find(kind, name)
}

// pick makes a dict of the arguments that are named.
func pick(args *py.Dict, names ...string) *py.Dict {
	out := py.NewDict()
	for _, name := range names {
		if v, ok := args.Get(name); ok {
			out.Set(name, v)
		}
	}
	return out
}

// fileOptions are the options that all modules about files share.
var fileOptions = []string{"owner", "group", "mode", "seuser", "serole", "setype", "selevel", "attributes", "attr", "unsafe_writes"}

// has says whether an option is there and not null.
func (t *Task) has(name string) bool {
	v, ok := t.Args.Get(name)
	return ok && v != nil
}
