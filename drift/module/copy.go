package module

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func init() {
	register(Kind{
		Name:    "copy",
		Help:    "Put a content into a file",
		Example: "copy: {content: 'hello', dest: /etc/motd, owner: root, mode: '0644', backup: true}",
		Options: []Option{
			{Name: "src", Type: Path},
			{Name: "_original_basename"},
			{Name: "_blob", Internal: true}, // the content, by its SHA-256
			{Name: "content", NoLog: true},
			{Name: "dest", Type: Path, Required: true},
			{Name: "backup", Type: Bool, Default: false},
			{Name: "force", Type: Bool, Default: true},
			{Name: "validate"},
			{Name: "directory_mode", Type: Raw},
			{Name: "remote_src", Type: Bool},
			{Name: "local_follow", Type: Bool},
			{Name: "checksum"},
			{Name: "follow", Type: Bool, Default: false},
		},
		FileArgs: true,
		Check:    CheckFull,
		Diff:     true,
		Plan:     planCopy,
	})
}

// copyTask is one content on its way to a path.
type copyTask struct {
	*Task
	src, dest string
	base      string // the name that it gets in a folder
	source    *content
	attrs     attributes
}

func planCopy(_ context.Context, t *Task) error {
	c := &copyTask{Task: t, src: t.Str("src"), dest: t.Str("dest"), base: t.Str("_original_basename")}
	if !strings.Contains(c.dest, "/") {
		c.dest = "./" + c.dest
	}
	slash := strings.HasSuffix(c.dest, "/")
	if c.source = t.sentContent(); c.source == nil {
		if done, err := c.fromHost(); done || err != nil {
			return err
		}
	}
	if err := c.checksum(); err != nil {
		return err
	}
	var err error
	if c.attrs, err = t.attributes(); err != nil {
		return err
	}
	return c.place(slash)
}

// fromHost opens a file of the host; a folder is copied elsewhere.
func (c *copyTask) fromHost() (done bool, err error) {
	if !exists(c.abs(c.src)) || c.src == "" {
		return true, fail(fmt.Sprintf("Source %s not found", orNone(c.src)))
	}
	src := c.abs(c.src)
	if unix.Access(src, unix.R_OK) != nil {
		return true, fail(fmt.Sprintf("Source %s not readable", c.src))
	}
	if c.args["mode"] == "preserve" {
		info, err := os.Stat(src)
		if err != nil {
			return true, err
		}
		c.args["mode"] = fmt.Sprintf("0%03o", bitsOfInfo(info))
	}
	if isDir(src) {
		return true, c.copyFolder(src)
	}
	if c.Bool("remote_src") && !isFile(src) {
		return true, fail(fmt.Sprintf("Cannot copy invalid source '%s': not a file", c.src))
	}
	if c.base == "" {
		c.base = filepath.Base(c.src)
	}
	c.source = fileContent(src)
	return false, nil
}

func orNone(text string) string {
	if text == "" {
		return "None"
	}
	return text
}

// checksum finds out what the content is. What the controller has summed is only read when it is needed.
func (c *copyTask) checksum() error {
	want := c.Str("checksum")
	if c.Has("_blob") && want != "" {
		c.source.sha1 = want
		return nil
	}
	if err := c.source.sum(); err != nil {
		return err
	}
	if want != "" && want != c.source.sha1 {
		return fail("Copied file does not match the expected checksum. Transfer failed.", Result{"checksum": c.source.sha1, "expected_checksum": want})
	}
	return nil
}

// place decides where the content goes and whether it differs from what is there.
func (c *copyTask) place(slash bool) error {
	dest := c.dest
	path := c.abs(dest)
	made := false
	if slash {
		if c.base != "" {
			dest = filepath.Join(dest, c.base)
			path = c.abs(dest)
		}
		if dir := filepath.Dir(path); !exists(dir) {
			made = true
			if err := c.makeFolders(dir); err != nil {
				return err
			}
		}
	}
	if isDir(path) {
		dest = filepath.Join(dest, c.base)
		path = c.abs(dest)
	}
	there := exists(path)
	if there && isLink(path) && c.Bool("follow") {
		path = realPath(path)
		dest = path
	}
	if there && !c.Bool("force") {
		c.Return("msg", "file already exists")
		c.Return("dest", dest)
		if c.Has("src") {
			c.Return("src", c.src)
		}
		return nil
	}
	dir := filepath.Dir(path)
	// What comes from the controller is only compared in check mode: an earlier task would have made the folder.
	made = made || c.Check && c.Has("_blob") && !there && !exists(dir)
	switch {
	case made:
	case !there && !exists(dir):
		return fail(fmt.Sprintf("Destination directory %s does not exist", filepath.Dir(dest)))
	case unix.Access(dir, unix.W_OK) != nil && !c.Bool("unsafe_writes"):
		return fail(fmt.Sprintf("Destination %s not writable", filepath.Dir(dest)))
	}
	c.say(dest)
	now := ""
	if there && isFile(path) {
		now = sha1File(path)
	}
	if now != c.source.sha1 || isLink(path) {
		if err := c.replace(path, dest, there); err != nil {
			return err
		}
	}
	return c.setAttributes(path, there)
}

func (c *copyTask) say(dest string) {
	c.Return("dest", dest)
	c.Return("checksum", c.source.sha1)
	if c.Has("src") {
		c.Return("src", c.src)
	}
	if c.source.md5 != "" {
		c.Return("md5sum", c.source.md5)
	}
}

// makeFolders makes the folders that a path needs, with the mode for folders.
func (c *copyTask) makeFolders(dir string) error {
	attrs := c.attrs
	attrs.mode = nil
	if mode := c.args["directory_mode"]; mode != nil {
		if err := attrs.setMode(mode); err != nil {
			return err
		}
	}
	c.Change(func(context.Context) error {
		f := &fileTask{Task: c.Task, attrs: attrs, mtime: stamp{keep: true}, atime: stamp{keep: true}}
		return f.makeAll(dir)
	})
	return nil
}

func (c *copyTask) replace(path, dest string, there bool) error {
	header := c.base
	if c.Has("src") {
		header = c.src
	}
	if header == "" {
		header = "dynamically generated"
	}
	if err := c.diffWith(path, dest, header, c.source); err != nil {
		return err
	}
	c.Change(func(ctx context.Context) error {
		if c.source.md5 == "" {
			want := c.source.sha1
			if err := c.source.sum(); err != nil {
				return err
			}
			if want != c.source.sha1 {
				return fail("Copied file does not match the expected checksum. Transfer failed.", Result{"checksum": c.source.sha1, "expected_checksum": want})
			}
			c.Return("md5sum", c.source.md5)
		}
		if c.Bool("backup") && there {
			name, err := c.backup(path)
			if err != nil {
				return err
			}
			c.Return("backup_file", name)
		}
		return c.write(ctx, path)
	})
	return nil
}

func (c *copyTask) write(ctx context.Context, path string) error {
	in, err := c.source.open()
	if err != nil {
		return err
	}
	defer in.Close()
	if isLink(path) { // it becomes a file of its own
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return c.writeFile(ctx, path, in, c.Str("validate"))
}

// setAttributes plans owner and mode of the file.
func (c *copyTask) setAttributes(path string, there bool) error {
	if there && !isLink(path) {
		d, err := c.attrs.plan(path)
		if err == nil && len(d.after) > 0 && len(c.diffs) == 0 {
			d.before["path"], d.after["path"] = path, path
			c.addDiff(map[string]any{"before": d.before, "after": d.after})
		}
		return err
	}
	if err := c.attrs.known(path); err != nil {
		return err
	}
	c.Act(func(context.Context) error {
		_, err := c.attrs.apply(path)
		return err
	})
	return nil
}
