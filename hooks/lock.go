package hooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// LockName is the file beside goodstate.yaml that pins shared policies.
const LockName = "goodstate.lock"

// Lock is goodstate.lock. It has the policies themselves, so that a commit, a server and CI need no network, and a review sees what changes.
type Lock struct {
	Policies []Pinned `json:"policies"`
}

// Pinned is one shared policy as it was when it was locked.
type Pinned struct {
	From    string   `json:"from"`
	Ref     string   `json:"ref"`
	File    string   `json:"file"`
	Commit  string   `json:"commit"`
	SHA256  string   `json:"sha256"`
	Content []string `json:"content"` // line by line
}

const maxPinned = 1 << 20 // bytes of one policy

// Pin is a policy with its digest.
func Pin(s Shared, commit string, content []byte) (Pinned, error) {
	if len(content) > maxPinned {
		return Pinned{}, fmt.Errorf("%s of %s has more than %d bytes", s.File, s.From, maxPinned)
	}
	sum := sha256.Sum256(content)
	return Pinned{From: s.From, Ref: s.Ref, File: s.File, Commit: commit, SHA256: hex.EncodeToString(sum[:]), Content: strings.Split(string(content), "\n")}, nil
}

// ParseLock reads goodstate.lock.
func ParseLock(data []byte) (Lock, error) {
	var l Lock
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&l)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is something after its end")
		}
	}
	if err != nil {
		return l, fmt.Errorf("%s cannot be read: %w; goodstate hooks lock writes it anew", LockName, err)
	}
	return l, nil
}

// Bytes is the file.
func (l Lock) Bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(l); err != nil {
		return nil, fmt.Errorf("write %s: %w", LockName, err)
	}
	return b.Bytes(), nil
}

// Find is the content of a shared policy. It is an error when it is not pinned, or is not what was pinned.
func (l Lock) Find(s Shared) ([]byte, error) {
	for _, p := range l.Policies {
		if p.From != s.From || p.Ref != s.Ref || p.File != s.File {
			continue
		}
		content := []byte(strings.Join(p.Content, "\n"))
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != p.SHA256 {
			return nil, fmt.Errorf("%s: the policy of %s is not what was pinned: its SHA-256 is %x, want %.64s; goodstate hooks lock pins it anew", LockName, s.From, sum, p.SHA256)
		}
		return content, nil
	}
	return nil, fmt.Errorf("the shared policy %s of %s (%s) is not in %s; goodstate hooks lock fetches and pins it", s.File, s.From, s.Ref, LockName)
}
