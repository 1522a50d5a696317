package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// The program writes into its log itself (a pipe to the keeper would end the program when the keeper is killed), so the
// keeper moves what was written to log.1 and empties the log in place, as logrotate's copytruncate does.
const (
	logLimit = 4 << 20
	lineCut  = 8 << 10 // longer lines are cut when they are read
)

// rotate empties the log when it is over its limit, keeping its last 4 MiB beside it.
func rotate(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= logLimit {
		return err
	}
	log, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // truncated, not written
	old, err := os.OpenFile(path+".1.new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = log.Seek(info.Size()-logLimit, io.SeekStart)
	if err == nil {
		_, err = io.Copy(old, log) // to the end as it is now, which the program may have moved on
	}
	if err = errors.Join(err, old.Close()); err == nil {
		err = os.Rename(path+".1.new", path+".1")
	}
	// Also when the copy was not possible (a full disk): an instance must not fill the disk with its log.
	return errors.Join(err, log.Truncate(0))
}

// lastLines reads the last lines of the log and, when it has too few, of the one before.
func lastLines(path string, n int) ([]string, error) {
	if n <= 0 {
		return nil, nil
	}
	lines, err := tail(path, n)
	if err != nil || len(lines) >= n {
		return lines, err
	}
	older, err := tail(path+".1", n-len(lines))
	return append(older, lines...), err
}

// tail reads the last n lines of a file, at most its last 4 MiB; a file that is not there has none.
func tail(path string, n int) ([]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-logLimit), logLimit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var lines []string
	for len(text) > 0 && len(lines) < n {
		text = bytes.TrimSuffix(text, []byte("\n"))
		at := bytes.LastIndexByte(text, '\n') + 1
		line := text[at:]
		text = text[:at]
		if len(line) > lineCut {
			line = append(bytes.Clone(line[:lineCut]), "..."...)
		}
		lines = append(lines, strings.ToValidUTF8(strings.TrimSuffix(string(line), "\r"), "\uFFFD"))
	}
	slices.Reverse(lines)
	return lines, nil
}
