package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

// Commit is one commit as its rules see it.
type Commit struct {
	ID                string
	Parents           []string
	Author, Committer string // e-mail addresses as they are recorded
	Signature         string // as %G? of git-log(1) says: G is good; empty when nobody asked
	Signer            string
	Message           string
	Changes           []Entry // against the parent; of a merge only what none of its parents has
}

// Subject is the message's first line.
func (c Commit) Subject() string {
	first, _, _ := strings.Cut(c.Message, "\n")
	return first
}

// Entry is one path that a commit adds or changes.
type Entry struct {
	Path    string
	Mode    rule.Mode
	Old     rule.Mode
	Blob    string
	OldBlob string // empty when the file is new, or in a merge
	Deleted bool
}

const maxToken = 16 << 20 // bytes of a message or a path

// walk runs through the commits that can be reached from the tips and not from what the repository has (or from the given bases), newest first, in one
// stream and with memory for one commit.
func (r Repository) walk(ctx context.Context, tips, bases []string, signatures bool) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		signed := "%x00%x00"
		if signatures {
			signed = "%G?%x00%GS%x00"
		}
		args := []string{
			"log", "--stdin", "-z", "--raw", "-r", "-c", "--root", "--no-renames", "--no-abbrev", "--no-color", "--no-mailmap", "--no-ext-diff",
			"--ignore-submodules=none", "--format=tformat:%x01%H%x00%P%x00%ae%x00%ce%x00" + signed + "%B%x00", "--not",
		}
		if bases == nil {
			args = append(args, "--all")
		} else {
			args = append(args, bases...)
		}
		cmd := r.command(ctx, args...)
		cmd.Stdin = strings.NewReader(strings.Join(tips, "\n") + "\n")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			yield(Commit{}, gitError(args, err, ""))
			return
		}
		widen(out)
		more := commits(out, yield)
		if !more {
			cancel()       // nobody reads the rest
			_ = cmd.Wait() // it was told to end
			return
		}
		if err := cmd.Wait(); err != nil {
			yield(Commit{}, gitError(args, err, errs.String()))
		}
	}
}

// commits takes the stream apart. It returns false when yield wants no more or was told of an error.
func commits(in io.Reader, yield func(Commit, error) bool) bool {
	t := &tokens{in: bufio.NewReaderSize(in, 256<<10)}
	var c Commit
	for {
		token, err := t.next()
		if errors.Is(err, io.EOF) {
			return c.ID == "" || yield(c, nil)
		}
		if err != nil {
			yield(c, err)
			return false
		}
		token = strings.TrimLeft(token, "\n")
		switch {
		case token == "":
		case token[0] == 1:
			if c.ID != "" && !yield(c, nil) {
				return false
			}
			if c, err = t.commit(token[1:]); err != nil {
				yield(c, err)
				return false
			}
		case token[0] == ':' && c.ID != "":
			path, err := t.next()
			if err != nil {
				yield(c, fmt.Errorf("git log ended within a path: %w", err))
				return false
			}
			e, err := entry(token, path)
			if err != nil {
				yield(c, err)
				return false
			}
			if !e.Deleted {
				c.Changes = append(c.Changes, e)
			}
		default:
			yield(c, fmt.Errorf("git log said %.100q, want a commit or a changed path", token))
			return false
		}
	}
}

// tokens are texts that a NUL ends.
type tokens struct{ in *bufio.Reader }

func (t *tokens) next() (string, error) {
	var long []byte
	for {
		part, err := t.in.ReadSlice(0)
		switch {
		case err == nil:
			return string(append(long, part[:len(part)-1]...)), nil
		case errors.Is(err, bufio.ErrBufferFull):
			if long = append(long, part...); len(long) > maxToken {
				return "", fmt.Errorf("a commit message or a path is longer than %d bytes", maxToken)
			}
		case errors.Is(err, io.EOF) && len(part)+len(long) > 0 && strings.Trim(string(part), "\n") != "":
			return "", fmt.Errorf("git log ended in the middle: %w", io.ErrUnexpectedEOF)
		default:
			return "", err
		}
	}
}

func (t *tokens) commit(id string) (Commit, error) {
	c := Commit{ID: id}
	if !objectID.MatchString(id) {
		return c, fmt.Errorf("git log said %.100q, want the id of a commit", id)
	}
	var parents string
	for _, field := range []*string{&parents, &c.Author, &c.Committer, &c.Signature, &c.Signer, &c.Message} {
		text, err := t.next()
		if err != nil {
			return c, fmt.Errorf("git log ended within commit %s: %w", id, err)
		}
		*field = text
	}
	c.Parents = strings.Fields(parents)
	return c, nil
}

// entry reads one line of a raw diff (git-diff-tree(1)): a colon, a mode and an id for each parent and the result, a status letter for each parent.
func entry(raw, path string) (Entry, error) {
	parents := len(raw) - len(strings.TrimLeft(raw, ":"))
	fields := strings.Fields(raw[parents:])
	if len(fields) != 2*parents+3 {
		return Entry{}, fmt.Errorf("git log said %.200q, want %d fields of a changed path", raw, 2*parents+3)
	}
	mode := func(i int) (rule.Mode, error) {
		n, err := strconv.ParseUint(fields[i], 8, 32)
		return rule.Mode(n), err
	}
	now, err := mode(parents)
	if err != nil {
		return Entry{}, fmt.Errorf("git log said %.200q: %w", raw, err)
	}
	was, err := mode(0)
	if err != nil {
		return Entry{}, fmt.Errorf("git log said %.200q: %w", raw, err)
	}
	e := Entry{Path: path, Mode: now, Old: was, Blob: fields[2*parents+1], Deleted: now == 0}
	if parents == 1 && was != 0 {
		e.OldBlob = fields[2]
	}
	return e, nil
}
