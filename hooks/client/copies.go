package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func copied(dir string, e entry) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, copiesName))
	if err != nil {
		return nil, fmt.Errorf("copy of %q: %w", e.Path, err)
	}
	defer f.Close() // opened for reading only
	content := make([]byte, e.Length)
	if _, err := f.ReadAt(content, e.Offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("copy of %q: %w", e.Path, err)
	}
	if digest(content) != e.Was {
		return nil, fmt.Errorf("the copy of %q in %s is damaged; the file was left as it is", e.Path, dir)
	}
	return content, nil
}

func (repo *Repo) keepBeside(dir, name string, content []byte, text string) (string, error) {
	where, err := repo.keep(dir, name, content)
	return fmt.Sprintf("%s: %s %s", name, text, where), err
}

// keep puts bytes where the user finds them, outside of the work tree.
func (repo *Repo) keep(dir, name string, content []byte) (string, error) {
	folder := filepath.Join(repo.own(), "kept", strings.TrimPrefix(filepath.Base(dir), runPrefix))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	fault("keep a file")
	where := filepath.Join(folder, fmt.Sprintf("%.8s-%s", digest([]byte(name)), filepath.Base(name)))
	if err := os.WriteFile(where, content, 0o600); err != nil {
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	return where, nil
}
