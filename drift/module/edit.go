package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// edit is a change to the text of one file.
type edit struct {
	t             *Task
	path          string // as the task names it
	before, after []byte
	existed       bool
}

// newEdit reads the file; a missing one is empty.
func (t *Task) newEdit() (*edit, error) {
	e := &edit{t: t, path: t.abs(t.Str("path"))}
	if isDir(e.path) {
		return nil, fail(fmt.Sprintf("Path %s is a directory !", t.Str("path")), Result{"rc": int64(256)})
	}
	var err error
	e.before, err = readText(e.path)
	e.existed = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return e, nil
}

func (e *edit) changed() bool { return !e.existed && e.after != nil || !bytes.Equal(e.before, e.after) }

// contentDiff is the diff of the text, without the text where nobody asked for it.
func (e *edit) contentDiff() map[string]any {
	d := map[string]any{"before": "", "after": "", "before_header": e.t.Str("path") + " (content)", "after_header": e.t.Str("path") + " (content)"}
	if e.t.Call.Diff {
		d["before"], d["after"] = shortText(e.before), shortText(e.after)
	}
	return d
}

// shortText is text for a diff: what is too big or no text is only named.
func shortText(b []byte) string {
	if len(b) > maxDiff {
		return fmt.Sprintf("(%d bytes, more than a diff shows)\n", len(b))
	}
	return text(b)
}

// write plans the new content and, when the task asks for it, a backup first; said names the key of the result that the backup's name goes to.
func (e *edit) write(validate func(ctx context.Context, path string) error, said string) {
	e.t.Change(func(ctx context.Context) error {
		if e.t.Bool("backup") && e.existed {
			name, err := e.t.backup(e.path)
			if err != nil {
				return err
			}
			e.t.Return(said, name)
		}
		dest := realPath(e.path)
		if dir := filepath.Dir(dest); !e.existed {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return fail(fmt.Sprintf("Error creating %s (%v)", dir, err))
			}
		}
		return e.t.replaceText(ctx, dest, e.after, validate)
	})
}

// replaceText is writeFile for content that is at hand.
func (t *Task) replaceText(ctx context.Context, dest string, content []byte, validate func(context.Context, string) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(dest), ".ansible_tmp*"+filepath.Base(dest))
	if err != nil {
		if t.Bool("unsafe_writes") {
			return t.writeOver(dest, bytes.NewReader(content))
		}
		return fail(fmt.Sprintf("The destination directory (%s) is not writable by the current user. Error was: %s", filepath.Dir(dest), pyPathError(err)))
	}
	defer os.Remove(tmp.Name()) // it is gone once it is renamed
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", dest, err)
	}
	if validate != nil {
		if err := validate(ctx, tmp.Name()); err != nil {
			return err
		}
	}
	return t.moveFile(tmp.Name(), dest)
}

// lineValidate is the check of lineinfile, blockinfile and replace, with their words.
func (t *Task) lineValidate(ctx context.Context, path string) error {
	err := t.validate(ctx, t.Str("validate"), path)
	var f *Failure
	if errors.As(err, &f) && f.More["exit_status"] != nil {
		return fail(fmt.Sprintf("failed to validate: rc:%v error:%v", f.More["exit_status"], f.More["stderr"]))
	}
	return err
}

// attributes plans owner and mode, and adds to the message when they change.
func (e *edit) attributes(msg string) (string, map[string]any, error) {
	diff := map[string]any{"before_header": e.t.Str("path") + " (file attributes)", "after_header": e.t.Str("path") + " (file attributes)"}
	attrs, err := e.t.attributes()
	if err != nil {
		return msg, diff, err
	}
	path := e.path
	if e.t.Bool("follow") {
		path = realPath(path)
	}
	var d difference
	if e.existed {
		d, err = attrs.plan(path)
	} else {
		d, err = attrs.fresh(path, false)
		e.t.Act(func(context.Context) error {
			_, err := attrs.apply(path)
			return err
		})
	}
	if err != nil || len(d.after) == 0 {
		return msg, diff, err
	}
	diff["before"], diff["after"] = d.before, d.after
	if msg != "" {
		msg += " and "
	}
	return msg + "ownership, perms or SE linux context changed", diff, nil
}

// splitKeep splits text after every \n, as Python reads lines of a file of bytes.
func splitKeep(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if n := len(lines); n > 0 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	return lines
}
