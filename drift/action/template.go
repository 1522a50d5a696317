package action

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "template", Help: "Render a template of the controller into a file of the host", Run: runTemplate})
}

// maxTemplate bounds a template file.
const maxTemplate = 32 << 20

func runTemplate(ctx context.Context, t *Task) (*py.Dict, error) {
	src, dest := t.Text("src"), t.Text("dest")
	switch {
	case t.has("state"):
		return Failed("'state' cannot be specified on a template"), nil
	case src == "" || dest == "":
		return Failed("src and dest are required"), nil
	}
	settings, err := t.settings()
	if err != nil {
		return nil, err
	}
	path, err := t.needle("templates", src)
	if err != nil {
		return nil, err
	}
	text, mode, err := t.readTemplate(path)
	if err != nil {
		return nil, err
	}
	rendered, err := t.Vars.File(path, text, templateVariables(src, path, dest), settings)
	if err != nil {
		return nil, err
	}
	encoded, err := encode(rendered, t.Text("output_encoding"))
	if err != nil {
		return nil, err
	}
	s := textSource(encoded)
	s.mode = mode
	options := t.Args
	if !t.has("follow") {
		options = t.Args.Copy()
		options.Set("follow", false)
	}
	return t.put(ctx, s, filepath.Base(path), dest, options)
}

func (t *Task) readTemplate(path string) (string, os.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, fmt.Errorf("could not find src=%s, %w", path, err)
	}
	if info.Size() > maxTemplate {
		return "", 0, fmt.Errorf("the template %s has %d bytes, want at most %d", path, info.Size(), maxTemplate)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", 0, err
	}
	if t.Decrypt != nil && strings.HasPrefix(string(text), vaultHeader) {
		if text, err = t.Decrypt(path, text); err != nil {
			return "", 0, err
		}
	}
	if !utf8.Valid(text) {
		return "", 0, fmt.Errorf("Template source files must be utf-8 encoded")
	}
	return string(text), info.Mode(), nil
}

// settings reads how the template is to be read.
func (t *Task) settings() (Settings, error) {
	trim, err := t.Bool("trim_blocks", true)
	if err != nil {
		return Settings{}, err
	}
	strip, err := t.Bool("lstrip_blocks", false)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{
		NewlineSequence: "\n", TrimBlocks: trim, LstripBlocks: strip, KeepTrailingNewline: true,
		VariableStart: t.Text("variable_start_string"), VariableEnd: t.Text("variable_end_string"),
		BlockStart: t.Text("block_start_string"), BlockEnd: t.Text("block_end_string"),
		CommentStart: t.Text("comment_start_string"), CommentEnd: t.Text("comment_end_string"),
	}
	if t.has("newline_sequence") {
		sequence, ok := map[string]string{"\n": "\n", "\r": "\r", "\r\n": "\r\n", `\n`: "\n", `\r`: "\r", `\r\n`: "\r\n"}[t.Text("newline_sequence")]
		if !ok {
			return s, fmt.Errorf("newline_sequence needs to be one of: \n, \r or \r\n")
		}
		s.NewlineSequence = sequence
	}
	return s, nil
}

// templateVariables are what a template sees about itself.
func templateVariables(name, path, dest string) *py.Dict {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	owner, changed := "", time.Now()
	if info, err := os.Stat(path); err == nil {
		changed = info.ModTime()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = strconv.FormatUint(uint64(st.Uid), 10)
			if u, err := user.LookupId(owner); err == nil {
				owner = u.Username
			}
		}
	}
	return py.DictOf(
		"template_host", host, "template_path", name, "template_mtime", pythonTime(changed), "template_uid", owner,
		"template_run_date", pythonTime(time.Now()), "template_destpath", dest, "template_fullpath", path, "ansible_managed", "Ansible managed",
	)
}

// pythonTime is how Python shows a time without a zone.
func pythonTime(at time.Time) string {
	if at.Nanosecond()/1000 == 0 {
		return at.Format("2006-01-02 15:04:05")
	}
	return at.Format("2006-01-02 15:04:05.000000")
}

// encode gives a text in an encoding of the ones that files are still found in.
func encode(text, encoding string) ([]byte, error) {
	switch strings.ToLower(strings.ReplaceAll(encoding, "_", "-")) {
	case "", "utf-8", "utf8":
		return []byte(text), nil
	case "ascii", "us-ascii":
		return narrow(text, 0x7f, encoding)
	case "latin-1", "latin1", "iso-8859-1":
		return narrow(text, 0xff, encoding)
	}
	return nil, fmt.Errorf("output_encoding is %q, want utf-8, ascii or latin-1", encoding)
}

func narrow(text string, last rune, encoding string) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > last {
			return nil, fmt.Errorf("the rendered template has the character %q, which %s does not have", r, encoding)
		}
		out = append(out, byte(r))
	}
	return out, nil
}
