package module

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

func init() {
	register(Kind{
		Name:    "slurp",
		Help:    "Read a file of the host, in base64",
		Example: "slurp: {src: /etc/hostname}",
		Options: []Option{{Name: "src", Type: Path, Required: true, Aliases: []string{"path"}}},
		Check:   CheckFull,
		Plan: func(_ context.Context, t *Task) error {
			source := t.Str("src")
			content, err := readText(t.abs(source))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return fail("file not found: " + source)
			case errors.Is(err, fs.ErrPermission):
				return fail("file is not readable: " + source)
			case err != nil && isDir(t.abs(source)):
				return fail(fmt.Sprintf("source is a directory and must be a file: %s", source))
			case err != nil:
				return fail(fmt.Sprintf("unable to slurp file: %v", err))
			}
			t.Return("content", base64.StdEncoding.EncodeToString(content))
			t.Return("source", source)
			t.Return("encoding", "base64")
			return nil
		},
	})
	register(Kind{
		Name:    "tempfile",
		Help:    "Make a temporary file or folder",
		Example: "tempfile: {state: directory, suffix: build}",
		Options: []Option{
			{Name: "path", Type: Path},
			{Name: "prefix", Default: "ansible."},
			{Name: "state", Default: "file", Choices: words("file", "directory")},
			{Name: "suffix", Default: ""},
		},
		Check: CheckNone,
		Plan: func(_ context.Context, t *Task) error {
			dir := t.tmp()
			if t.Has("path") {
				dir = t.abs(t.Str("path"))
			}
			t.Change(func(context.Context) error {
				path, err := makeTemp(dir, t.Str("prefix")+"*"+t.Str("suffix"), t.Str("state") == "directory")
				t.Return("path", path)
				return err
			})
			return nil
		},
	})
}

func makeTemp(dir, pattern string, folder bool) (string, error) {
	if folder {
		path, err := os.MkdirTemp(dir, pattern)
		if err != nil {
			return "", fail(pyPathError(err))
		}
		return path, nil
	}
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return "", fail(pyPathError(err))
	}
	return f.Name(), f.Close()
}
