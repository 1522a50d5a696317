package module

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // Ansible's checksums
	"crypto/sha1" //nolint:gosec // Ansible's checksums
	"encoding/hex"
	"io"
	"os"
	"strings"
)

// content is what a file shall hold: a text of the task, a blob of the controller, or a file of the host.
type content struct {
	open      func() (io.ReadCloser, error)
	sha1, md5 string
}

// sum fills the checksums.
func (c *content) sum() error {
	in, err := c.open()
	if err != nil {
		return err
	}
	defer in.Close()
	s, m := sha1.New(), md5.New() //nolint:gosec // Ansible's checksums
	if _, err := io.Copy(io.MultiWriter(s, m), in); err != nil {
		return err
	}
	c.sha1, c.md5 = hex.EncodeToString(s.Sum(nil)), hex.EncodeToString(m.Sum(nil))
	return nil
}

// sentContent is the content that came with the task, or nil.
func (t *Task) sentContent() *content {
	switch {
	case t.Has("_blob"):
		return &content{open: func() (io.ReadCloser, error) { return t.open(t.Str("_blob")) }}
	case t.Has("content"):
		return &content{open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(t.Str("content"))), nil }}
	}
	return nil
}

func fileContent(path string) *content {
	return &content{open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// head reads as much of it as a diff may show, and a byte more.
func (c *content) head() ([]byte, error) {
	in, err := c.open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(in, maxDiff+1))
	return b.Bytes(), err
}

// diffWith adds the diff of a file's content that is about to be replaced.
func (t *Task) diffWith(path, header, afterHeader string, c *content) error {
	if !t.Call.Diff {
		return nil
	}
	d := map[string]any{"after_header": afterHeader, "before": ""}
	if exists(path) {
		d["before_header"] = header
	}
	if before, err := fileContent(path).head(); err == nil {
		delete(d, "before")
		side(d, "before", before)
	}
	after, err := c.head()
	if err != nil {
		return err
	}
	side(d, "after", after)
	t.addDiff(d)
	return nil
}
