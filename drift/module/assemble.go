package module

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func init() {
	register(Kind{
		Name:    "assemble",
		Help:    "Make one file of the pieces in a folder",
		Example: "assemble: {src: /etc/app/conf.d, dest: /etc/app.conf, delimiter: '# next', validate: 'app -t %s'}",
		Options: []Option{
			{Name: "src", Type: Path, Required: true},
			{Name: "delimiter"},
			{Name: "dest", Type: Path, Required: true},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "remote_src", Type: Bool, Default: true},
			{Name: "regexp"},
			{Name: "ignore_hidden", Type: Bool, Default: false},
			{Name: "validate"},
		},
		FileArgs: true,
		Check:    CheckFull,
		Diff:     true,
		Plan:     planAssemble,
	})
}

func planAssemble(_ context.Context, t *Task) error {
	src, dest := t.abs(t.Str("src")), t.abs(t.Str("dest"))
	more := Result{"src": t.Str("src"), "dest": t.Str("dest")}
	if !exists(src) {
		return fail(fmt.Sprintf("Source (%s) does not exist", t.Str("src")))
	}
	if !isDir(src) {
		return fail(fmt.Sprintf("Source (%s) is not a directory", t.Str("src")))
	}
	joined, err := t.assemble(src)
	if err != nil {
		return err
	}
	c := &content{open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(joined)), nil }}
	if err := c.sum(); err != nil {
		return err
	}
	for key, value := range more {
		t.Return(key, value)
	}
	t.Return("checksum", c.sha1)
	t.Return("md5sum", c.md5)
	t.Return("msg", "OK")
	attrs, err := t.attributes()
	if err != nil {
		return err
	}
	there := exists(dest)
	if sha1File(dest) == c.sha1 {
		_, err := attrs.plan(dest)
		return err
	}
	if err := t.diffWith(dest, t.Str("dest"), t.Str("src"), c); err != nil {
		return err
	}
	t.Change(func(ctx context.Context) error {
		if t.Bool("backup") && there {
			name, err := t.backup(dest)
			if err != nil {
				return err
			}
			t.Return("backup_file", name)
		}
		if err := t.replaceText(ctx, dest, joined, func(ctx context.Context, path string) error {
			return t.lineValidate(ctx, path)
		}); err != nil {
			return err
		}
		_, err := attrs.apply(dest)
		return err
	})
	return nil
}

// assemble joins the pieces in the order of their names.
func (t *Task) assemble(dir string) ([]byte, error) {
	var p *pattern
	if text := t.Str("regexp"); text != "" {
		var err error
		if p, err = compile("^(?:"+text+")", ""); err != nil {
			return nil, fail(fmt.Sprintf("Invalid Regexp (%s) in \"%s\"", err, text))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	delimiter, delimited := escapes(t.Str("delimiter")), t.Has("delimiter")
	open, between := false, false
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if p != nil && !p.matches(e.Name()) || !isFile(path) || t.Bool("ignore_hidden") && strings.HasPrefix(e.Name(), ".") {
			continue
		}
		piece, err := readText(path)
		if err != nil {
			return nil, err
		}
		if open {
			b.WriteByte('\n') // the last piece had no end
		}
		if between && delimited {
			b.WriteString(delimiter)
			if !strings.HasSuffix(delimiter, "\n") {
				b.WriteByte('\n')
			}
		}
		b.Write(piece)
		between = true
		open = !bytes.HasSuffix(piece, []byte("\n"))
		if b.Len() > maxText {
			return nil, fmt.Errorf("the pieces in %s are more than %d MiB", dir, maxText>>20)
		}
	}
	return b.Bytes(), nil
}

// escapes reads \n and the like in a text.
func escapes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
			b.WriteString(escaped(text[i]))
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
