package server

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Landed is one push that a repository has taken, as post-receive leaves it for goodstate.
type Landed struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Who        string    `json:"who"`
	Repository string    `json:"repository"` // absolute path
	Updates    []Update  `json:"updates"`
	Services   []string  `json:"services,omitempty"` // of a webhook: the services that it releases; else the repository tells
}

// Inbox is the folder in which pushes wait until goodstate has taken them up. A push is there at least once: whoever reads it takes it up, and then
// removes it.
type Inbox struct{ Dir string }

const waitingSuffix = ".push.json"

// Put leaves a push; when it returns without an error the push survives a power failure.
func (b Inbox) Put(l Landed) (err error) {
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	if l.ID == "" {
		l.ID = l.At.UTC().Format("20060102-150405.000000") + "-" + strings.ToLower(rand.Text()[:8])
	}
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	f, err := os.CreateTemp(b.Dir, ".new-*")
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	if err = os.Rename(f.Name(), filepath.Join(b.Dir, l.ID+waitingSuffix)); err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	return syncDir(b.Dir)
}

// List are the pushes that wait, oldest first. One that cannot be read is put aside under its name with .bad, and said.
func (b Inbox) List() ([]Landed, error) {
	entries, err := os.ReadDir(b.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	var all []Landed
	var bad error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), waitingSuffix) {
			continue
		}
		path := filepath.Join(b.Dir, e.Name())
		var l Landed
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &l)
		}
		if err == nil && l.ID+waitingSuffix != e.Name() {
			err = fmt.Errorf("it calls itself %.100q", l.ID)
		}
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("inbox: %s is no push (%w), put aside", path, err), os.Rename(path, path+".bad"))
			continue
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Landed) int { return strings.Compare(a.ID, b.ID) })
	return all, bad
}

// Done removes a push that was taken up. Removing it again is no error.
func (b Inbox) Done(l Landed) error {
	if err := os.Remove(filepath.Join(b.Dir, l.ID+waitingSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("inbox: %w", err)
	}
	return nil
}

// appendLine adds a line to a file that survives a power failure.
func appendLine(path string, line []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("audit %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	return nil
}
