package moduletest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Tree says of each path that differs from the machine's own what it is now.
type Tree map[string]string

// noise are paths that programs write on their own.
var noise = regexp.MustCompile(`^(/root/\.ansible(/.*)?|.*/__pycache__(/.*)?|/var/lib/apt/periodic.*|/var/log(/.*)?|/var/cache/(ldconfig|debconf|apt|man)(/.*)?|/etc/ld\.so\.cache|/root|/var|/var/lib|/var/cache|/etc|/usr(/[a-z]+)?|/var/lib/dpkg/(triggers/.*|.*-old|lock.*)|/etc/\.pwd\.lock)$`)

// readTree lists what the upper layer of an overlay holds: new and changed files, and marks of removed ones.
func readTree(upper string) (Tree, error) {
	tree := Tree{}
	err := filepath.WalkDir(upper, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := "/" + strings.TrimPrefix(strings.TrimPrefix(path, upper), "/")
		if rel == "/" || noise.MatchString(rel) {
			return nil
		}
		tree[rel], err = describe(path)
		return err
	})
	return tree, err
}

// describe is everything about a file that two runs may be compared by: no times and no inode numbers.
func describe(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	if info.Mode()&os.ModeCharDevice != 0 && st.Rdev == 0 {
		return "removed", nil
	}
	text := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return text + " -> " + target, err
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(content)
		text += " " + hex.EncodeToString(sum[:6])
		if len(content) < 400 {
			text += fmt.Sprintf(" %q", content)
		}
		if st.Nlink > 1 {
			text += fmt.Sprintf(" links %d", st.Nlink)
		}
	}
	return text + attributes(path), nil
}

func attributes(path string) string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return ""
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if name != "" && !strings.HasPrefix(name, "trusted.overlay") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if names == nil {
		return ""
	}
	return " " + strings.Join(names, ",")
}

// Difference lists what two trees disagree in; ignore drops paths.
func (t Tree) Difference(other Tree, ignore *regexp.Regexp) error {
	var errs []error
	paths := map[string]bool{}
	for p := range t {
		paths[p] = true
	}
	for p := range other {
		paths[p] = true
	}
	for p := range paths {
		if t[p] != other[p] && (ignore == nil || !ignore.MatchString(p)) {
			errs = append(errs, fmt.Errorf("%s: %s, other: %s", p, or(t[p], "untouched"), or(other[p], "untouched")))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
