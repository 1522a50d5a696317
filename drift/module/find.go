package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func init() {
	register(Kind{
		Name:    "find",
		Help:    "Files by name, age, size and content",
		Example: "find: {paths: /var/log, patterns: '*.gz', age: 4w, recurse: true}",
		Options: []Option{
			{Name: "paths", Type: List, Elements: Str, Required: true, Aliases: []string{"name", "path"}},
			{Name: "patterns", Type: List, Elements: Str, Default: []any{}, Aliases: []string{"pattern"}},
			{Name: "excludes", Type: List, Elements: Str, Aliases: []string{"exclude"}},
			{Name: "contains"},
			{Name: "read_whole_file", Type: Bool, Default: false},
			{Name: "file_type", Default: "file", Choices: words("any", "directory", "file", "link")},
			{Name: "age"},
			{Name: "age_stamp", Default: "mtime", Choices: words("atime", "ctime", "mtime")},
			{Name: "size"},
			{Name: "recurse", Type: Bool, Default: false},
			{Name: "hidden", Type: Bool, Default: false},
			{Name: "follow", Type: Bool, Default: false},
			{Name: "get_checksum", Type: Bool, Default: false},
			{Name: "checksum_algorithm", Default: "sha1", Choices: words("md5", "sha1", "sha224", "sha256", "sha384", "sha512"), Aliases: []string{"checksum", "checksum_algo"}, Since: "2.19"},
			{Name: "use_regex", Type: Bool, Default: false},
			{Name: "depth", Type: Int},
			{Name: "mode", Type: Raw, Since: "2.16"},
			{Name: "exact_mode", Type: Bool, Default: true, Since: "2.16"},
			{Name: "encoding", Since: "2.17"},
			{Name: "limit", Type: Int, Since: "2.18"},
		},
		Check: CheckFull,
		Plan:  planFind,
	})
}

// search is one look through folders.
type search struct {
	*Task
	age, size  *int64
	mode       *fileMode
	text       *pattern
	found      []any
	examined   int64
	skipped    map[string]any
	namesFound []*pattern // patterns as regular expressions
	excluded   []*pattern
}

func planFind(ctx context.Context, t *Task) error {
	s := &search{Task: t, found: []any{}, skipped: map[string]any{}}
	if err := s.read(); err != nil {
		return err
	}
	for _, root := range t.Strs("paths") {
		root = t.expand(root)
		info, err := os.Stat(t.abs(root))
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "open", Path: root, Err: syscall.ENOTDIR}
		}
		if err != nil {
			s.skipped[root] = fmt.Sprintf("'%s' is not a directory", root)
			t.Warn("Skipped '%s' path due to this access issue: '%s' is not a directory\n", root, root)
			continue
		}
		if err := s.folder(ctx, root, 1, nil); err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	msg := "All paths examined"
	if len(s.skipped) > 0 {
		msg = "Not all paths examined, check warnings for details"
	}
	t.Return("files", s.found)
	t.Return("matched", int64(len(s.found)))
	t.Return("msg", msg)
	t.Return("examined", s.examined)
	t.Return("skipped_paths", s.skipped)
	t.Return("changed", false)
	return nil
}

var errEnough = errors.New("as many as were asked for")

// read turns the options into what is looked for.
func (s *search) read() (err error) {
	if s.age, err = amount(s.Str("age"), "smhdw", []int64{1, 60, 3600, 86400, 604800}, "age"); err != nil {
		return err
	}
	if s.size, err = amount(s.Str("size"), "bkmgt", []int64{1, 1 << 10, 1 << 20, 1 << 30, 1 << 40}, "size"); err != nil {
		return err
	}
	if s.Has("contains") {
		flags := ""
		if s.Bool("read_whole_file") {
			flags = "m"
		}
		if s.text, err = compile(s.Str("contains"), flags); err != nil {
			return err
		}
	}
	if s.args["mode"] != nil {
		mode, err := parseMode(s.args["mode"])
		if err != nil {
			return fail("mode must be in octal or symbolic form", Result{"details": err.Error()})
		}
		s.mode = &mode
	}
	if s.namesFound, err = s.names("patterns"); err != nil {
		return err
	}
	s.excluded, err = s.names("excludes")
	return err
}

func amount(text, units string, factors []int64, what string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	bad := fail(fmt.Sprintf("failed to process %s", what), Result{what: text})
	trimmed := strings.TrimRight(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseInt(trimmed, 10, 64)
	if err != nil {
		return nil, bad
	}
	rest := strings.ToLower(text)[len(trimmed):]
	factor := int64(1)
	if rest != "" {
		i := strings.IndexByte(units, rest[0])
		if i < 0 || len(rest) > 1 {
			return nil, bad
		}
		factor = factors[i]
	}
	n *= factor
	return &n, nil
}

// names makes regular expressions of shell patterns.
func (s *search) names(option string) ([]*pattern, error) {
	var list []*pattern
	for _, text := range s.Strs(option) {
		if !s.Bool("use_regex") {
			text = `(?s)^` + shellPattern(text) + `$`
		} else {
			text = "^(?:" + text + ")"
		}
		p, err := compile(text, "")
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// shellPattern is Python's fnmatch.translate: here * matches dots and slashes too.
func shellPattern(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			end := strings.IndexByte(glob[min(i+2, len(glob)):], ']')
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			inside := glob[i+1 : i+2+end]
			i += 2 + end
			if strings.HasPrefix(inside, "!") {
				inside = "^" + inside[1:]
			}
			b.WriteString("[" + strings.ReplaceAll(inside, `\`, `\\`) + "]")
		default:
			if strings.IndexByte(`\.+()|{}^$]`, c) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

func any1(list []*pattern, name string) bool {
	return slices.ContainsFunc(list, func(p *pattern) bool { return p.matches(name) })
}

func (s *search) wanted(name string) bool {
	if s.excluded != nil && any1(s.excluded, name) {
		return false
	}
	return s.namesFound == nil || any1(s.namesFound, name)
}

// folder goes over the entries of one folder: folders first, then files, as Python's os.walk gives them.
func (s *search) folder(ctx context.Context, dir string, depth int64, seen []fs.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(s.abs(dir))
	if err != nil {
		s.skipped[dir] = pyPathError(err)
		return nil
	}
	entries, err := f.ReadDir(-1) // in the order of the file system, as os.walk
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	s.examined += int64(len(entries))
	var dirs, files []string
	for _, e := range entries {
		if isDir(filepath.Join(s.abs(dir), e.Name())) {
			dirs = append(dirs, e.Name())
		} else {
			files = append(files, e.Name())
		}
	}
	for _, name := range slices.Concat(files, dirs) {
		if err := s.entry(dir, name); err != nil {
			return err
		}
	}
	if !s.Bool("recurse") || s.Int("depth") > 0 && depth >= s.Int("depth") {
		return nil
	}
	for _, name := range dirs {
		path := filepath.Join(dir, name)
		if isLink(s.abs(path)) && !s.Bool("follow") {
			continue
		}
		info, err := os.Stat(s.abs(path))
		if err != nil || slices.ContainsFunc(seen, func(other fs.FileInfo) bool { return os.SameFile(other, info) }) {
			continue // a link that leads back
		}
		if err := s.folder(ctx, path, depth+1, append(slices.Clone(seen), info)); err != nil {
			return err
		}
	}
	return nil
}

// entry adds one path when it is what is looked for.
func (s *search) entry(dir, name string) error {
	path := filepath.Join(dir, name)
	at := s.abs(path)
	if strings.HasPrefix(name, ".") && !s.Bool("hidden") {
		return nil
	}
	info, err := os.Lstat(at)
	if err != nil {
		s.skipped[path] = pyPathError(err)
		return nil
	}
	st := info.Sys().(*syscall.Stat_t)
	kind := s.Str("file_type")
	switch {
	case kind == "file" && !info.Mode().IsRegular(), kind == "directory" && !info.IsDir(), kind == "link" && info.Mode()&os.ModeSymlink == 0:
		return nil
	case !s.wanted(name) || !s.old(st) || !s.allowed(info, st):
		return nil
	case !info.IsDir() && kind != "link" && !s.big(info.Size()):
		return nil
	}
	regular := info.Mode().IsRegular()
	if s.text != nil && (kind == "file" || kind == "any") && (!regular || !s.contains(at)) {
		if kind == "file" || regular {
			return nil
		}
	}
	out := statFields(path, info, st)
	if regular && s.Bool("get_checksum") && kind != "directory" && kind != "link" {
		sum, err := digest(at, s.Str("checksum_algorithm"))
		if err != nil {
			return err
		}
		out["checksum"] = sum
	}
	s.found = append(s.found, out)
	if limit := s.Int("limit"); limit > 0 && int64(len(s.found)) >= limit {
		return errEnough
	}
	return nil
}

func (s *search) old(st *syscall.Stat_t) bool {
	if s.age == nil {
		return true
	}
	at := map[string]syscall.Timespec{"atime": st.Atim, "ctime": st.Ctim, "mtime": st.Mtim}[s.Str("age_stamp")]
	passed := time.Since(time.Unix(at.Unix())).Seconds()
	if *s.age >= 0 {
		return passed >= float64(*s.age)
	}
	return passed <= float64(-*s.age)
}

func (s *search) big(size int64) bool {
	if s.size == nil {
		return true
	}
	if *s.size >= 0 {
		return size >= *s.size
	}
	return size <= -*s.size
}

func (s *search) allowed(info fs.FileInfo, st *syscall.Stat_t) bool {
	if s.mode == nil {
		return true
	}
	now := st.Mode & permissionBits
	want, err := s.mode.on(info.Mode(), now)
	if err != nil {
		return false
	}
	if s.Bool("exact_mode") {
		return now == want
	}
	return now&want != 0
}

// contains looks for the pattern at the beginning of a line, or anywhere in the whole file.
func (s *search) contains(path string) bool {
	text, err := readText(path)
	if err != nil {
		s.Warn("%v", err)
		return false
	}
	if s.Bool("read_whole_file") {
		return s.text.matches(string(text))
	}
	for _, line := range splitKeep(string(text)) {
		if loc := s.text.find(line); loc != nil && loc[0] == 0 {
			return true
		}
	}
	return false
}
