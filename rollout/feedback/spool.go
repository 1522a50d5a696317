package feedback

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Spool is a folder in which reports wait until the controller takes them up, so that none is lost while it is down, and in
// which the answers to reports lie for their authors. Several processes may use it.
type Spool struct {
	Dir string

	mu   sync.Mutex
	salt []byte
}

// mostWaiting bounds the folder: when nobody takes reports up, new ones are refused.
const mostWaiting = 2000

// key is this installation's own secret, made when it is first needed: hashes of it name nobody elsewhere.
func (s *Spool) key() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.salt != nil {
		return s.salt, nil
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, "answers"), 0o700); err != nil {
		return nil, fmt.Errorf("folder of reports: %w", err)
	}
	path := filepath.Join(s.Dir, "key")
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	temporary := path + "." + newID()
	if err := os.WriteFile(temporary, fresh, 0o600); err != nil {
		return nil, fmt.Errorf("key for reports: %w", err)
	}
	err := os.Link(temporary, path) // the first one stays, whoever comes at the same time
	if err = errors.Join(ignore(err, fs.ErrExist), os.Remove(temporary)); err != nil {
		return nil, fmt.Errorf("key for reports: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 32 {
		return nil, fmt.Errorf("key for reports %s: %d bytes, want 32 (%w)", path, len(text), err)
	}
	s.salt = text
	return text, nil
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// hash is a text's keyed hash; what keeps hashes for one use from meaning something in another.
func (s *Spool) hash(use, text string) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(use + "\x00" + text))
	return hex.EncodeToString(m.Sum(nil)[:16]), nil
}

// Put keeps a report until it is taken up. It is on the disk when Put returns.
func (s *Spool) Put(r Report) error {
	waiting, err := os.ReadDir(s.Dir)
	if err != nil {
		return fmt.Errorf("folder of reports: %w", err)
	}
	if len(waiting) > mostWaiting {
		return &refusal{503, "Too many reports wait already. Please try again later."}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return s.write(fmt.Sprintf("%019d-%s.json", r.At.UnixNano(), r.ID), text)
}

// write makes a file whole or not at all.
func (s *Spool) write(name string, text []byte) (err error) {
	path := filepath.Join(s.Dir, name)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep a report: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("keep a report: %w", errors.Join(err, ignore(os.Remove(path+".new"), fs.ErrNotExist)))
	}
	return nil
}

// waiting lists the files of reports, oldest first. A folder that is not there has none.
func (s *Spool) waiting() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, ignore(err, fs.ErrNotExist)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// read reads one waiting report; what is none is an error.
func (s *Spool) read(name string) (Report, error) {
	var r Report
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s is no report: %w", name, err)
	}
	if !isID(r.ID) {
		return r, fmt.Errorf("%s is no report: its id is %q", name, r.ID)
	}
	return r, nil
}

// Answer is what the author of a report finds at its address.
type Answer struct {
	State string    `json:"state"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// answer publishes what was said to a report.
func (s *Spool) answer(id string, a Answer) error {
	if _, err := s.key(); err != nil {
		return err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return s.write(filepath.Join("answers", id+".json"), text)
}

// answered reads the answer to a report; ok is false while there is none.
func (s *Spool) answered(id string) (a Answer, ok bool) {
	if !isID(id) {
		return a, false
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, "answers", id+".json"))
	return a, err == nil && json.Unmarshal(text, &a) == nil
}
