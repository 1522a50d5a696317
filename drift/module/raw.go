package module

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func init() {
	register(Kind{
		Name:    "raw",
		Help:    "Run a line of shell as it is",
		Example: "raw: {_raw_params: 'apt-get -y install python3'}",
		Options: []Option{{Name: "_raw_params", Required: true}, {Name: "executable"}},
		Own:     true,
		Plan: func(_ context.Context, t *Task) error {
			t.Change(func(ctx context.Context) error {
				return t.shell(ctx, t.Str("_raw_params"), t.Str("executable"), t.Dir)
			})
			return nil
		},
	})
	register(Kind{
		Name:    "script",
		Help:    "Run a script of the controller: its content comes as a blob, its arguments follow",
		Example: "script: {_raw_params: 'setup.sh --fast', creates: /opt/app}",
		Options: []Option{
			{Name: "_raw_params"},
			{Name: "cmd"},
			{Name: "_blob"},
			{Name: "chdir", Type: Path},
			{Name: "executable"},
			{Name: "creates"},
			{Name: "removes"},
		},
		Check: CheckPartial,
		Own:   true,
		Plan:  planScript,
	})
}

// shell runs a line and says what it printed.
func (t *Task) shell(ctx context.Context, line, sh, dir string) error {
	if sh == "" {
		sh = "/bin/sh"
	}
	out, err := t.run(ctx, program{args: []string{sh, "-c", line}, dir: dir})
	if err != nil {
		return err
	}
	t.Return("rc", int64(out.rc))
	t.Return("stdout", text([]byte(out.stdout)))
	t.Return("stderr", text([]byte(out.stderr)))
	if out.rc != 0 {
		t.Return("changed", true)
		return fail("non-zero return code", t.result)
	}
	return nil
}

func planScript(_ context.Context, t *Task) error {
	line := t.Str("_raw_params")
	if line == "" {
		line = t.Str("cmd")
	}
	words, err := shellWords(line)
	if err != nil {
		return err
	}
	if len(words) == 0 || !t.Has("_blob") {
		return errors.New("script needs the path of a script and its content")
	}
	dir := t.Dir
	if t.Has("chdir") {
		dir = t.abs(t.Str("chdir"))
	}
	if pattern := t.Str("creates"); pattern != "" && matches(dir, t.expand(pattern)) {
		t.Return("skipped", true)
		t.Return("msg", pattern+" exists, matching creates option")
		return nil
	}
	if pattern := t.Str("removes"); pattern != "" && !matches(dir, t.expand(pattern)) {
		t.Return("skipped", true)
		t.Return("msg", pattern+" does not exist, matching removes option")
		return nil
	}
	if t.Check && !t.Has("creates") && !t.Has("removes") {
		t.Return("skipped", true)
		t.Return("msg", "Check mode is not supported for this task.")
		return nil
	}
	t.Change(func(ctx context.Context) error {
		path, err := t.unpackScript(filepath.Base(words[0]))
		if err != nil {
			return err
		}
		defer os.RemoveAll(filepath.Dir(path))
		command := path + strings.TrimPrefix(strings.TrimLeft(line, " \t"), firstWord(line))
		if exe := t.Str("executable"); exe != "" {
			command = exe + " " + command
		}
		return t.shell(ctx, command, "", dir)
	})
	return nil
}

// firstWord is the first word of a line as it is written there, with its quotes.
func firstWord(line string) string {
	line = strings.TrimLeft(line, " \t")
	for i := 1; i <= len(line); i++ {
		if words, err := shellWords(line[:i]); err == nil && len(words) == 1 && (i == len(line) || line[i] == ' ' || line[i] == '\t') {
			return line[:i]
		}
	}
	return line
}

// unpackScript writes the script to a folder of its own, for its owner only.
func (t *Task) unpackScript(name string) (string, error) {
	content, err := t.open(t.Str("_blob"))
	if err != nil {
		return "", err
	}
	defer content.Close()
	dir, err := os.MkdirTemp(t.tmp(), "ansible-script-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, strings.Map(plainName, name))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, content)
	return path, errors.Join(err, f.Close())
}

func plainName(r rune) rune {
	if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '_'
}

// open gives the content that the controller has sent for this task.
func (t *Task) open(hash string) (io.ReadCloser, error) {
	if t.Blob == nil {
		return nil, errors.New("the task names content that nobody sent")
	}
	return t.Blob(hash)
}
