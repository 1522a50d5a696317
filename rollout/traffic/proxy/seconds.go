package proxy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

const (
	keepSeconds  = 20 * 60  // how many seconds are kept in memory
	mostFileSize = 64 << 20 // of one file of seconds; there are two
	secondsName  = "seconds.jsonl"
)

// seconds keeps what releases answered in the last 20 minutes, by service, in memory and in two files that take turns.
type seconds struct {
	mu        sync.Mutex
	byService map[string][]traffic.Second // ordered by time, then release
	path      string
	file      *os.File
	size      int64
	began     int64 // second in which the file was begun
}

// line is a second in the file.
type line struct {
	Service string `json:"service"`
	traffic.Second
}

// openSeconds reads what an earlier proxy left. A line that is cut off, because the proxy was killed while it wrote, is left out.
func openSeconds(dir string, now int64) (*seconds, error) {
	s := &seconds{byService: make(map[string][]traffic.Second), path: filepath.Join(dir, secondsName), began: now}
	for _, path := range []string{s.path + ".1", s.path} {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the traffic of the last minutes: %w", err)
		}
		for text := range bytes.Lines(b) {
			var l line
			if json.Unmarshal(text, &l) != nil {
				continue
			}
			if l.Unix > now-keepSeconds && l.Unix <= now {
				s.insert(l.Service, l.Second)
			}
			s.began = min(s.began, l.Unix)
		}
	}
	return s, s.reopen()
}

// reopen opens the file for appending, behind a line end: the last line may be cut off.
func (s *seconds) reopen() error {
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the file for traffic by second: %w", err)
	}
	at, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the file for traffic by second: %w", err), f.Close())
	}
	s.file, s.size = f, at.Size()
	last := []byte{'\n'}
	if s.size > 0 {
		if _, err := f.ReadAt(last, s.size-1); err != nil {
			return errors.Join(fmt.Errorf("read the end of %s: %w", s.path, err), f.Close())
		}
	}
	if last[0] != '\n' {
		if _, err := f.WriteString("\n"); err != nil {
			return errors.Join(fmt.Errorf("end the last line of %s: %w", s.path, err), f.Close())
		}
	}
	return nil
}

// insert puts a second where it belongs and adds it up with one that is there.
func (s *seconds) insert(service string, sec traffic.Second) {
	list := s.byService[service]
	at, found := slices.BinarySearchFunc(list, sec, func(a, b traffic.Second) int {
		return cmp.Or(cmp.Compare(a.Unix, b.Unix), cmp.Compare(a.Release, b.Release))
	})
	if !found {
		s.byService[service] = slices.Insert(list, at, sec)
		return
	}
	sum := list[at]
	latency := make(traffic.Histogram, len(sum.Latency))
	latency.Add(sum.Latency)
	latency.Add(sec.Latency)
	sum.Latency = latency
	sum.Requests += sec.Requests
	sum.Errors += sec.Errors
	sum.Bursts += sec.Bursts
	sum.Aborted += sec.Aborted
	sum.Sessions = max(sum.Sessions, sec.Sessions)
	list[at] = sum
}

// add takes in seconds that have ended. The error says that they could not be written; they are in memory all the same.
func (s *seconds) add(service string, secs []traffic.Second, now int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	for _, sec := range secs {
		s.insert(service, sec)
		if err := out.Encode(line{service, sec}); err != nil {
			return fmt.Errorf("write traffic of %s: %w", service, err)
		}
	}
	list := s.byService[service]
	old, _ := slices.BinarySearchFunc(list, now-keepSeconds, func(a traffic.Second, unix int64) int { return cmp.Compare(a.Unix, unix) })
	if old > 0 {
		s.byService[service] = slices.Delete(list, 0, old)
	}
	if text.Len() == 0 {
		return nil
	}
	if now-s.began > keepSeconds || s.size > mostFileSize {
		if err := s.rotate(now); err != nil {
			return err
		}
	}
	n, err := s.file.Write(text.Bytes())
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("write traffic of %s to %s: %w", service, s.path, err)
	}
	return nil
}

func (s *seconds) rotate(now int64) error {
	if err := os.Rename(s.path, s.path+".1"); err != nil {
		return fmt.Errorf("put the file for traffic by second aside: %w", err)
	}
	old := s.file
	s.began = now
	return errors.Join(s.reopen(), old.Close())
}

// since copies what is known from a second on.
func (s *seconds) since(service string, from time.Time) []traffic.Second {
	s.mu.Lock()
	defer s.mu.Unlock()
	unix := from.Unix()
	if from.Nanosecond() > 0 {
		unix++
	}
	list := s.byService[service]
	at, _ := slices.BinarySearchFunc(list, unix, func(a traffic.Second, unix int64) int { return cmp.Compare(a.Unix, unix) })
	return slices.Clone(list[at:])
}

func (s *seconds) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}
