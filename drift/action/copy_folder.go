package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// folder is what is in a folder of the controller: pairs of a path here and a path below the destination.
type folder struct {
	files, dirs, links [][2]string
	follow             bool
}

const maxEntries = 1_000_000

// walk lists a folder; links are followed unless they shall stay links, and a link into what is above it ends the walk there.
func (f *folder) walk(path, below string, above []os.FileInfo) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for _, a := range above {
		if os.SameFile(a, info) {
			return nil
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		full, rel := filepath.Join(path, e.Name()), filepath.Join(below, e.Name())
		if len(f.files)+len(f.dirs)+len(f.links) > maxEntries {
			return fmt.Errorf("the folder has more than %d entries", maxEntries)
		}
		target, err := os.Stat(full)
		isLink := e.Type()&os.ModeSymlink != 0
		switch {
		case isLink && (!f.follow || err != nil):
			to, err := os.Readlink(full)
			if err != nil {
				return err
			}
			f.links = append(f.links, [2]string{to, rel})
		case err != nil:
			return err
		case target.IsDir():
			f.dirs = append(f.dirs, [2]string{full, rel})
			if err := f.walk(full, rel, append(above, info)); err != nil {
				return err
			}
		default:
			f.files = append(f.files, [2]string{full, rel})
		}
	}
	return nil
}

// copyFolder copies a folder with all below it; a slash at the end of its name leaves the folder itself out.
func copyFolder(ctx context.Context, t *Task, path string, inside bool, dest string) (*py.Dict, error) {
	follow, err := t.Bool("local_follow", true)
	if err != nil {
		return nil, err
	}
	f := &folder{follow: follow}
	below := ""
	if !inside {
		below = filepath.Base(path)
		f.dirs = append(f.dirs, [2]string{path, below})
	}
	if err := f.walk(path, below, nil); err != nil {
		return nil, fmt.Errorf("reading the folder %s: %w", path, err)
	}
	if !strings.HasSuffix(dest, "/") {
		dest += "/"
	}
	src := path
	if inside {
		src += "/"
	}
	changed, last, err := f.send(ctx, t, dest)
	if err != nil {
		var bad *failedResult
		if errors.As(err, &bad) {
			return bad.result, nil
		}
		return nil, err
	}
	if len(f.files) == 1 && last != nil {
		last.Set("changed", changed)
		return last, nil
	}
	return py.DictOf("dest", dest, "src", src, "changed", changed), nil
}

// failedResult is the result that ends an action of several calls.
type failedResult struct{ result *py.Dict }

func (f *failedResult) Error() string { return Text(f.message()) }

func (f *failedResult) message() any {
	msg, _ := f.result.Get("msg")
	return msg
}

func (f *folder) send(ctx context.Context, t *Task, dest string) (changed bool, last *py.Dict, err error) {
	note := func(result *py.Dict, err error) error {
		if err != nil {
			return err
		}
		if Is(result, "failed") {
			return &failedResult{result}
		}
		changed = changed || Is(result, "changed")
		return nil
	}
	options := t.Args
	if len(f.dirs) > 0 {
		options = without(t.Args, "follow")
	}
	for _, file := range f.files {
		s, err := t.fileSource(file[0])
		if err != nil {
			return changed, nil, err
		}
		result, err := t.put(ctx, s, file[1], dest, options)
		if err := note(result, err); err != nil {
			return changed, nil, err
		}
		last = result
	}
	for _, dir := range f.dirs {
		args := pick(options, append([]string{"force", "follow"}, fileOptions...)...)
		mode, _ := t.Args.Get("directory_mode")
		args.Set("mode", mode)
		args.Set("path", dest+dir[1])
		args.Set("state", "directory")
		if err := note(t.Remote.Module(ctx, "file", args)); err != nil {
			return changed, nil, err
		}
	}
	for _, link := range f.links {
		args := pick(options, fileOptions...)
		if mode, ok := args.Get("mode"); ok && Text(mode) == "preserve" {
			args.Delete("mode")
		}
		args.Set("path", dest+link[1])
		args.Set("src", link[0])
		args.Set("state", "link")
		args.Set("force", true)
		args.Set("follow", false)
		if err := note(t.Remote.Module(ctx, "file", args)); err != nil {
			return changed, nil, err
		}
	}
	return changed, last, nil
}
