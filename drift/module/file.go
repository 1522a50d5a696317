package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

func init() {
	register(Kind{
		Name:    "file",
		Help:    "Folders, links, owners and modes, and that there is nothing",
		Example: "file: {path: /srv/app, state: directory, owner: root, mode: 'u=rwX,g=rX,o='}",
		Options: []Option{
			{Name: "state", Choices: words("absent", "directory", "file", "hard", "link", "touch")},
			{Name: "path", Type: Path, Required: true, Aliases: []string{"dest", "name"}},
			{Name: "_original_basename"},
			{Name: "recurse", Type: Bool, Default: false},
			{Name: "force", Type: Bool, Default: false},
			{Name: "follow", Type: Bool, Default: true},
			{Name: "_diff_peek", Type: Bool},
			{Name: "src", Type: Path},
			{Name: "modification_time"},
			{Name: "modification_time_format", Default: "%Y%m%d%H%M.%S"},
			{Name: "access_time"},
			{Name: "access_time_format", Default: "%Y%m%d%H%M.%S"},
		},
		FileArgs: true,
		Check:    CheckFull,
		Diff:     true,
		Plan:     planFile,
	})
}

// fileTask is one path on the way to its state.
type fileTask struct {
	*Task
	path, state, prev string
	attrs             attributes
	mtime, atime      stamp
	before, after     map[string]any
}

func planFile(_ context.Context, t *Task) error {
	f := &fileTask{Task: t, path: t.abs(t.Str("path")), state: t.Str("state")}
	t.args["path"] = f.path
	if f.state != "link" && f.state != "absent" && isDir(f.path) {
		base := t.Str("_original_basename")
		if base == "" && t.Has("src") {
			base = filepath.Base(t.Str("src"))
		}
		if base != "" {
			f.path = filepath.Join(f.path, base)
		}
	}
	f.prev = stateOf(f.path)
	if f.state == "" {
		f.state = f.defaultState()
	}
	t.args["state"] = f.state
	if t.Bool("recurse") && f.state != "directory" {
		return fail("recurse option requires state to be 'directory'", Result{"path": f.path})
	}
	if t.Str("src") != "" && f.state != "link" && f.state != "hard" {
		return fail("src option requires state to be 'link' or 'hard'", Result{"path": f.path})
	}
	if t.Has("_diff_peek") {
		t.Return("path", f.path)
		t.Return("appears_binary", looksBinary(f.path))
		return nil
	}
	var err error
	if f.attrs, err = t.attributes(); err != nil {
		return err
	}
	if err := f.times(); err != nil {
		return err
	}
	f.before, f.after = map[string]any{"path": f.path}, map[string]any{"path": f.path}
	if f.prev != f.state {
		f.before["state"], f.after["state"] = f.prev, f.state
	}
	return map[string]func() error{
		"absent": f.absent, "directory": f.directory, "file": f.file, "hard": f.hard, "link": f.link, "touch": f.touch,
	}[f.state]()
}

func (f *fileTask) defaultState() string {
	switch {
	case f.prev != "absent":
		return f.prev
	case f.Bool("recurse"):
		return "directory"
	}
	return "file"
}

func (f *fileTask) say(key, path string) {
	f.Return(key, path)
	f.Return("diff", map[string]any{"before": f.before, "after": f.after})
}

// stateOf is the word for what is at a path.
func stateOf(path string) string {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return "absent"
	case info.Mode()&os.ModeSymlink != 0:
		return "link"
	case info.IsDir():
		return "directory"
	case info.Sys().(*syscall.Stat_t).Nlink > 1:
		return "hard"
	}
	return "file"
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

func looksBinary(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, 8192)
	n, _ := file.Read(head)
	for _, c := range head[:n] {
		if c == 0 {
			return true
		}
	}
	return false
}

func (f *fileTask) absent() error {
	f.Return("path", f.path)
	f.Return("state", "absent")
	if f.prev == "absent" {
		return nil
	}
	if f.prev == "directory" {
		content := map[string]any{"directories": []any{}, "files": []any{}}
		f.before["path_content"] = content
		if err := listContent(f.path, content); err != nil {
			return err
		}
	}
	f.say("path", f.path)
	f.Change(func(context.Context) error {
		if f.prev == "directory" {
			if err := os.RemoveAll(f.path); err != nil {
				return fail("rmtree failed: " + err.Error())
			}
			return nil
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail("unlinking failed: "+err.Error(), Result{"path": f.path})
		}
		return nil
	})
	return nil
}

func listContent(dir string, into map[string]any) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil //nolint:nilerr // what cannot be listed is told when it cannot be removed
	}
	var below []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		key := "files"
		if isDir(path) {
			key = "directories"
			if !isLink(path) {
				below = append(below, path)
			}
		}
		into[key] = append(into[key].([]any), path)
	}
	for _, path := range below {
		if err := listContent(path, into); err != nil {
			return err
		}
	}
	return nil
}

// set plans attributes and times of a path that exists.
func (f *fileTask) set(path string) error {
	d, err := f.attrs.plan(path)
	if err != nil {
		return err
	}
	for k, v := range d.before {
		f.before[k], f.after[k] = v, d.after[k]
	}
	return f.setTimes(path)
}

// setLater is set for what an earlier step makes.
func (f *fileTask) setLater(path string) {
	f.Act(func(context.Context) error {
		if _, err := f.attrs.apply(path); err != nil {
			return err
		}
		return f.mtime.apply(path, f.atime)
	})
}

func (f *fileTask) file() error {
	path := f.path
	if f.prev == "link" && f.Bool("follow") {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		} else {
			path = f.target(path)
		}
		f.path, f.prev = path, stateOf(path)
		f.before, f.after = map[string]any{"path": path}, map[string]any{"path": path}
		if f.prev != f.state {
			f.before["state"], f.after["state"] = f.prev, f.state
		}
	}
	if f.prev != "file" && f.prev != "hard" {
		return fail(fmt.Sprintf("file (%s) is %s, cannot continue", path, f.prev), Result{"path": path, "state": f.prev})
	}
	if err := f.set(path); err != nil {
		return err
	}
	f.say("path", path)
	return nil
}

// target is where a broken link leads.
func (f *fileTask) target(path string) string {
	to, err := os.Readlink(path)
	if err != nil {
		return path
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	return to
}

func (f *fileTask) touch() error {
	path := f.path
	f.Return("dest", f.path)
	if f.prev == "absent" {
		f.say("dest", f.path)
		if err := f.fresh(path, false); err != nil {
			return err
		}
		f.Change(func(context.Context) error {
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
			if err != nil {
				return fail("Error, could not touch target: "+pyPathError(err), Result{"path": path})
			}
			return file.Close()
		})
		f.setLater(path)
		return nil
	}
	if f.Bool("follow") && f.prev == "link" {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
	}
	if err := f.set(path); err != nil {
		return err
	}
	f.say("dest", f.path)
	return nil
}

// stamp is a wanted time: the one that is there, now, or a moment.
type stamp struct {
	keep, now bool
	at        time.Time
}

func (f *fileTask) times() (err error) {
	if f.mtime, err = f.stamp("modification_time"); err != nil {
		return err
	}
	f.atime, err = f.stamp("access_time")
	return err
}

func (f *fileTask) stamp(option string) (stamp, error) {
	value := f.Str(option)
	if value == "" {
		value = "preserve"
		if f.state == "touch" {
			value = "now"
		}
	}
	switch value {
	case "preserve":
		return stamp{keep: true}, nil
	case "now":
		return stamp{now: true}, nil
	}
	at, err := strptime(value, f.Str(option+"_format"))
	if err != nil {
		return stamp{}, fail(fmt.Sprintf("Error while obtaining timestamp for time %s using format %s: %v", value, f.Str(option+"_format"), err))
	}
	return stamp{at: at}, nil
}

func (s stamp) resolve(before time.Time) time.Time {
	switch {
	case s.keep:
		return before
	case s.now:
		return time.Now()
	}
	return s.at
}

// apply sets both times; a preserved one stays as it is.
func (s stamp) apply(path string, atime stamp) error {
	if s.keep && atime.keep {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chtimes(path, atime.resolve(accessed(info)), s.resolve(info.ModTime())); err != nil {
		return fail("Error while updating modification or access time: "+pyPathError(err), Result{"path": path})
	}
	return nil
}

func accessed(info fs.FileInfo) time.Time {
	st := info.Sys().(*syscall.Stat_t)
	return time.Unix(st.Atim.Unix())
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func (f *fileTask) setTimes(path string) error {
	if f.mtime.keep && f.atime.keep {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fail("Error while updating modification or access time: "+pyPathError(err), Result{"path": path})
	}
	mtime, atime := f.mtime.resolve(info.ModTime()), f.atime.resolve(accessed(info))
	if mtime.Equal(info.ModTime()) && atime.Equal(accessed(info)) {
		return nil
	}
	if !mtime.Equal(info.ModTime()) {
		f.before["mtime"], f.after["mtime"] = seconds(info.ModTime()), seconds(mtime)
	}
	if !atime.Equal(accessed(info)) {
		f.before["atime"], f.after["atime"] = seconds(accessed(info)), seconds(atime)
	}
	f.Change(func(context.Context) error { return f.mtime.apply(path, f.atime) })
	return nil
}
