// Package samples keeps what a rollout saw, second by second, in a file of its own: the journal gets decisions, not samples. The files are
// what a measure against an incident is tried on. They are bounded in length and in number, and losing one loses no decision.
package samples

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Kept is what one rollout saw.
type Kept struct {
	Run     string            `json:"run"`
	Service string            `json:"service"`
	New     string            `json:"new"` // release ids
	Old     string            `json:"old,omitempty"`
	Version string            `json:"version"`           // of the new release
	Shifted time.Time         `json:"shifted,omitzero"`  // when the new release first got traffic
	Trigger time.Time         `json:"trigger,omitzero"`  // when it was found bad; zero: it was not
	Good    bool              `json:"good,omitempty"`    // it was promoted and is known good
	Seconds []judge.Second    `json:"seconds"`           // in order; from the minutes before the rollout on
	Failing []traffic.Failing `json:"failing,omitempty"` // which requests failed
}

const (
	mostSeconds = 3 * 60 * 60 // of one rollout: its beginning and its end are kept
	firstKept   = 30 * 60
	mostFiles   = 200  // of rollouts
	mostHours   = 8000 // of ordinary days: about 40 services for a week
	keepFor     = 15 * 24 * time.Hour
	mostBytes   = 256 << 20 // of one file, unpacked
	suffix      = ".json.gz"
)

// Folder is where the samples of a data directory are.
func Folder(data string) string { return filepath.Join(data, "samples") }

var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

func path(dir, run string) (string, error) {
	if !runName.MatchString(run) {
		return "", fmt.Errorf("samples of run %.50q: that is no name of a run", run)
	}
	return filepath.Join(dir, run+suffix), nil
}

// Write keeps the samples of a run in place of those that were kept of it before.
func Write(dir string, k Kept) (err error) {
	name, err := path(dir, k.Run)
	if err != nil {
		return err
	}
	k.Seconds = ring(k.Seconds)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("samples of run %s: %w", k.Run, err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("samples of run %s: %w", k.Run, err)
	}
	z := gzip.NewWriter(f)
	err = errors.Join(json.NewEncoder(z).Encode(k), z.Close(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("samples of run %s: %w", k.Run, err), os.Remove(f.Name()))
	}
	return nil
}

// ring leaves the beginning and the end of what is too long.
func ring(all []judge.Second) []judge.Second {
	if len(all) <= mostSeconds {
		return all
	}
	return append(slices.Clone(all[:firstKept]), all[len(all)-(mostSeconds-firstKept):]...)
}

// ErrNone says that nothing is kept of a run.
var ErrNone = errors.New("no samples are kept")

// Read returns the samples of a run.
func Read(dir, run string) (k Kept, err error) {
	name, err := path(dir, run)
	if err != nil {
		return k, err
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return k, fmt.Errorf("run %s: %w of it", run, ErrNone)
	}
	if err != nil {
		return k, fmt.Errorf("samples of run %s: %w", run, err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return k, fmt.Errorf("samples of run %s: %w", run, err)
	}
	if err := json.NewDecoder(io.LimitReader(z, mostBytes)).Decode(&k); err != nil {
		return k, fmt.Errorf("samples of run %s: %w", run, err)
	}
	return k, nil
}

// Good returns the samples of the newest rollouts of a service that ended well, newest first and not older than the time.
func Good(dir, service string, since time.Time, most int) ([]Kept, error) {
	all, err := files(dir)
	if err != nil {
		return nil, err
	}
	var out []Kept
	for _, f := range all {
		if len(out) == most || f.at.Before(since) {
			break
		}
		k, err := Read(dir, f.run)
		if err != nil {
			continue // one that is damaged proves nothing, and keeps the others from nothing
		}
		if k.Service == service && k.Good {
			out = append(out, k)
		}
	}
	return out, nil
}

// Tidy removes what is too old or too much.
func Tidy(dir string, now time.Time) error {
	all, err := files(dir)
	var errs []error
	rollouts, hours := 0, 0
	for _, f := range all {
		most, n := mostFiles, &rollouts
		if strings.HasPrefix(f.run, hourPrefix) {
			most, n = mostHours, &hours
		}
		if *n++; *n > most || now.Sub(f.at) > keepFor {
			errs = append(errs, os.Remove(filepath.Join(dir, f.run+suffix)))
		}
	}
	return errors.Join(append(errs, err)...)
}

type file struct {
	run string
	at  time.Time
}

// files lists what is kept, newest first.
func files(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	var out []file
	for _, e := range entries {
		run, ours := strings.CutSuffix(e.Name(), suffix)
		if info, err := e.Info(); ours && err == nil {
			out = append(out, file{run, info.ModTime()})
		}
	}
	slices.SortFunc(out, func(a, b file) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(b.run, a.run)) })
	return out, nil
}

// Add joins what was seen of the same seconds. Later ones count where both have something; use that was measured stays.
func Add(have, more []judge.Second) []judge.Second {
	byTime := make(map[int64]judge.Second, len(have)+len(more))
	for _, s := range have {
		byTime[s.Unix] = s
	}
	for _, s := range more {
		was := byTime[s.Unix]
		if s.New.Requests == 0 && s.New.Aborted == 0 {
			s.New = was.New
		}
		if s.Old.Requests == 0 && s.Old.Aborted == 0 {
			s.Old = was.Old
		}
		if s.NewUse == nil {
			s.NewUse = was.NewUse
		}
		if s.OldUse == nil {
			s.OldUse = was.OldUse
		}
		byTime[s.Unix] = s
	}
	out := make([]judge.Second, 0, len(byTime))
	for _, s := range byTime {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b judge.Second) int { return cmp.Compare(a.Unix, b.Unix) })
	return out
}

// Pair puts what the router counted of two releases side by side.
func Pair(seconds []traffic.Second, fresh, old string) []judge.Second {
	at := map[int64]int{}
	var out []judge.Second
	for _, s := range seconds {
		if s.Release != fresh && s.Release != old || s.Release == "" {
			continue
		}
		i, there := at[s.Unix]
		if !there {
			i = len(out)
			at[s.Unix] = i
			out = append(out, judge.Second{Unix: s.Unix})
		}
		if s.Release == fresh {
			out[i].New = s
		} else {
			out[i].Old = s
		}
	}
	return out
}
