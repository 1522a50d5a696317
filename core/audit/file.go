package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Sink]{
		Name:    "file",
		Help:    "append each entry as a line of JSON to a file; it is opened anew for each batch, so that it may be rotated. /dev/stdout is the output of goodstate serve",
		Example: "file: {path: /var/log/goodstate/audit.jsonl}",
		New: func(decode func(any) error) (Sink, error) {
			f := &file{}
			return f, decode(f)
		},
	})
}

type file struct {
	Path string `yaml:"path" help:"the file, whole path" required:"true" example:"/var/log/goodstate/audit.jsonl"`
}

// Validate wants a path that does not depend on where goodstate was started.
func (f *file) Validate() error {
	if !filepath.IsAbs(f.Path) {
		return fmt.Errorf("path %q, want a whole path that begins with /", f.Path)
	}
	return nil
}

// Send appends the entries, and returns when they are on the disk. A line that was cut off, because the disk was full or the machine stopped, is ended first.
func (f *file) Send(_ context.Context, _ Secrets, records []Record) (err error) {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	for _, r := range records {
		if err := r.line(lines); err != nil {
			return fmt.Errorf("entry %d of the %s: %w", r.Seq, r.Log, err)
		}
	}
	how := os.O_CREATE | os.O_RDWR | os.O_APPEND
	if about, err := os.Stat(f.Path); err == nil && !about.Mode().IsRegular() {
		how = os.O_WRONLY
	}
	out, err := os.OpenFile(f.Path, how, 0o600)
	if err != nil {
		return fmt.Errorf("audit file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	about, err := out.Stat()
	if err != nil {
		return fmt.Errorf("audit file: %w", err)
	}
	if !about.Mode().IsRegular() { // a pipe or a terminal has no end to look at, and nothing to bring to a disk
		if _, err := out.Write(text.Bytes()); err != nil {
			return fmt.Errorf("audit file: %w", err)
		}
		return nil
	}
	last := []byte{'\n'}
	if at := about; at.Size() > 0 {
		if _, err := out.ReadAt(last, at.Size()-1); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("audit file: %w", err)
		}
	}
	if last[0] != '\n' {
		if _, err := out.WriteString("\n"); err != nil {
			return fmt.Errorf("audit file: %w", err)
		}
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		return fmt.Errorf("audit file: %w", err)
	}
	return out.Sync()
}

func (f *file) Close() error { return nil }
