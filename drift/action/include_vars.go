package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
)

func init() {
	register(Kind{Name: "include_vars", Help: "Read variables from files", Facts: true, Run: includeVars})
}

func includeVars(_ context.Context, t *Task) (*py.Dict, error) {
	v := &varsReader{t: t, found: py.NewDict(), files: py.NewList(), endings: []string{"yaml", "yml", "json"}}
	if err := v.arguments(); err != nil {
		return nil, err
	}
	err := v.read()
	var facts any = v.found
	if name := t.Text("name"); name != "" {
		facts = py.DictOf(name, v.found)
	}
	out := py.NewDict()
	if err != nil {
		out.Set("failed", true)
		out.Set("message", py.Unsafe(err.Error()))
	}
	out.Set("ansible_included_var_files", v.files)
	out.Set("ansible_facts", facts)
	if v.secret {
		out.Set("_ansible_no_log", true)
	}
	return out, nil
}

type varsReader struct {
	t       *Task
	found   *py.Dict
	files   *py.List
	endings []string
	ignore  []string
	matches *regexp.Regexp
	depth   int
	skip    bool // unknown endings
	secret  bool
}

var (
	ofFolders = []string{"dir", "depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions"}
	ofFiles   = []string{"file", "_raw_params"}
)

func (v *varsReader) arguments() error {
	folder, file := false, false
	for key := range v.t.Args.All() {
		name := Text(key)
		switch {
		case slices.Contains(ofFolders, name):
			folder = true
		case slices.Contains(ofFiles, name):
			file = true
		case name != "name" && name != "hash_behaviour":
			return fmt.Errorf("%s is not a valid option in include_vars", name)
		}
	}
	if folder && file {
		return errors.New("You are mixing file only and dir only arguments, these are incompatible")
	}
	if text := v.t.Text("files_matching"); text != "" {
		re, err := regexp.Compile(text)
		if err != nil {
			return fmt.Errorf("files_matching: %w", err)
		}
		v.matches = re
	}
	if text := v.t.Text("depth"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("depth is %q, want a number", text)
		}
		v.depth = n
	}
	if list, ok := v.t.Args.Get("ignore_files"); ok {
		switch l := list.(type) {
		case *py.List:
			for _, item := range l.Items {
				v.ignore = append(v.ignore, Text(item))
			}
		default:
			v.ignore = strings.Fields(Text(list))
		}
	}
	if list, ok := v.t.Args.Get("extensions"); ok {
		v.endings = nil
		for _, item := range Items(list) {
			v.endings = append(v.endings, strings.TrimPrefix(Text(item), "."))
		}
	}
	var err error
	v.skip, err = v.t.Bool("ignore_unknown_extensions", false)
	return err
}

func (v *varsReader) read() error {
	if dir := v.t.Text("dir"); dir != "" {
		return v.folder(dir)
	}
	name := v.t.Text("file")
	if name == "" {
		name = strings.TrimRight(v.t.Text("_raw_params"), "\n")
	}
	path, err := v.t.Find("vars", name)
	if err != nil {
		return err
	}
	return v.file(path)
}

func (v *varsReader) file(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	v.secret = v.secret || vault.Is(text)
	value, err := v.t.Load(path)
	if err != nil {
		return err
	}
	d, ok := value.(*py.Dict)
	if !ok && value != nil {
		return fmt.Errorf("%s must be stored as a dictionary/hash", path)
	}
	v.files.Items = append(v.files.Items, path)
	if d != nil {
		for k, item := range d.All() {
			v.found.Set(k, item)
		}
	}
	return nil
}

func (v *varsReader) folder(dir string) error {
	path, err := v.t.Find("vars", dir)
	if err != nil {
		if abs, failed := filepath.Abs(dir); failed == nil {
			dir = abs
		}
		return fmt.Errorf("%s directory does not exist", dir)
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not a directory", path)
	}
	var folders []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(folders)
	for i, f := range folders {
		if v.depth > 0 && i >= v.depth {
			break
		}
		if err := v.filesOf(f); err != nil {
			return err
		}
	}
	return nil
}

func (v *varsReader) filesOf(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || v.matches != nil && !v.matches.MatchString(name) || v.ignored(name) {
			continue
		}
		if !slices.Contains(v.endings, strings.TrimPrefix(filepath.Ext(name), ".")) {
			if v.skip {
				continue
			}
			return fmt.Errorf("%s does not have a valid extension: %s", filepath.Join(dir, name), strings.Join(v.endings, ", "))
		}
		if err := v.file(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (v *varsReader) ignored(name string) bool {
	for _, pattern := range v.ignore {
		if re, err := regexp.Compile(pattern + "$"); err == nil && re.MatchString(name) {
			return true
		}
	}
	return false
}
