package module

import (
	"context"
	"crypto/md5"  //nolint:gosec // Ansible's checksums
	"crypto/sha1" //nolint:gosec // Ansible's checksums
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	register(Kind{
		Name:    "stat",
		Help:    "What is at a path: kind, mode, owner, times, checksum",
		Example: "stat: {path: /etc/passwd, checksum_algorithm: sha256}",
		Options: []Option{
			{Name: "path", Type: Path, Required: true, Aliases: []string{"dest", "name"}},
			{Name: "follow", Type: Bool, Default: false},
			{Name: "get_md5", Type: Bool, Default: false},
			{Name: "get_checksum", Type: Bool, Default: true},
			{Name: "get_mime", Type: Bool, Default: true, Aliases: []string{"mime", "mime_type", "mime-type"}},
			{Name: "get_attributes", Type: Bool, Default: true, Aliases: []string{"attr", "attributes"}},
			{Name: "checksum_algorithm", Default: "sha1", Choices: words("md5", "sha1", "sha224", "sha256", "sha384", "sha512"), Aliases: []string{"checksum", "checksum_algo"}},
		},
		Check: CheckFull,
		Plan:  planStat,
	})
}

func planStat(ctx context.Context, t *Task) error {
	path := t.Str("path")
	at := t.abs(path)
	look := os.Lstat
	if t.Bool("follow") {
		look = os.Stat
	}
	info, err := look(at)
	if errors.Is(err, fs.ErrNotExist) {
		t.Return("stat", map[string]any{"exists": false})
		return nil
	}
	if err != nil {
		var no syscall.Errno
		if errors.As(err, &no) {
			return fail(strerror(no))
		}
		return err
	}
	st := info.Sys().(*syscall.Stat_t)
	out := statFields(path, info, st)
	out["exists"] = true
	out["blocks"], out["block_size"], out["device_type"] = st.Blocks, int64(st.Blksize), int64(st.Rdev) //nolint:unconvert // an int32 on arm64
	for name, bits := range map[string]uint32{"readable": unix.R_OK, "writeable": unix.W_OK, "executable": unix.X_OK} {
		out[name] = unix.Access(at, bits) == nil
	}
	if out["islnk"] == true {
		out["lnk_target"], err = os.Readlink(at)
		if err != nil {
			return err
		}
		out["lnk_source"] = realPath(at)
	}
	if out["isreg"] == true && out["readable"] == true {
		if err := checksums(t, at, out); err != nil {
			return err
		}
	}
	if t.Bool("get_mime") {
		mimeOf(ctx, t, at, out)
	}
	if t.Bool("get_attributes") {
		out["version"], out["attributes"], out["attr_flags"] = nil, []any{}, ""
		if bits, err := flagsOf(at); err == nil {
			letters := flagLetters(bits)
			out["attr_flags"], out["attributes"] = letters, flagWords(letters)
			if v, err := versionOf(at); err == nil {
				out["version"] = fmt.Sprint(v)
			}
		}
	}
	t.Return("stat", out)
	return nil
}

// statFields are what stat and find both say of a file.
func statFields(path string, info fs.FileInfo, st *syscall.Stat_t) map[string]any {
	mode := st.Mode
	kind := func(bits uint32) bool { return mode&syscall.S_IFMT == bits }
	out := map[string]any{
		"path": path, "mode": fmt.Sprintf("%04o", mode&permissionBits),
		"isdir": kind(syscall.S_IFDIR), "ischr": kind(syscall.S_IFCHR), "isblk": kind(syscall.S_IFBLK), "isreg": kind(syscall.S_IFREG),
		"isfifo": kind(syscall.S_IFIFO), "islnk": kind(syscall.S_IFLNK), "issock": kind(syscall.S_IFSOCK),
		"uid": int64(st.Uid), "gid": int64(st.Gid), "size": info.Size(), "inode": int64(st.Ino), "dev": int64(st.Dev), "nlink": int64(st.Nlink),
		"atime": seconds(time.Unix(st.Atim.Unix())), "mtime": seconds(time.Unix(st.Mtim.Unix())), "ctime": seconds(time.Unix(st.Ctim.Unix())),
		"wusr": mode&0o200 != 0, "rusr": mode&0o400 != 0, "xusr": mode&0o100 != 0,
		"wgrp": mode&0o020 != 0, "rgrp": mode&0o040 != 0, "xgrp": mode&0o010 != 0,
		"woth": mode&0o002 != 0, "roth": mode&0o004 != 0, "xoth": mode&0o001 != 0,
		"isuid": mode&0o4000 != 0, "isgid": mode&0o2000 != 0,
	}
	if a, err := lookupUID(int(st.Uid)); err == nil {
		out["pw_name"] = a.Name
	}
	if g, err := lookupGID(int(st.Gid)); err == nil {
		out["gr_name"] = g.Name
	}
	return out
}

// realPath is Python's os.path.realpath: it follows as far as there is something.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	to, err := os.Readlink(path)
	if err != nil {
		dir := filepath.Dir(path)
		if dir == path {
			return path
		}
		return filepath.Join(realPath(dir), filepath.Base(path))
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	if to == path {
		return path
	}
	return realPath(to)
}

func checksums(t *Task, path string, out map[string]any) error {
	if t.Bool("get_md5") {
		sum, err := digest(path, "md5")
		if err != nil {
			return err
		}
		out["md5"] = sum
	}
	if !t.Bool("get_checksum") {
		return nil
	}
	sum, err := digest(path, t.Str("checksum_algorithm"))
	out["checksum"] = sum
	return err
}

// digests are the checksums that tasks may ask for.
var digests = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

func digest(path, algorithm string) (string, error) {
	make, ok := digests[algorithm]
	if !ok {
		return "", fail(fmt.Sprintf("Could not hash file '%s' with algorithm '%s'. Available algorithms: md5, sha1, sha224, sha256, sha384, sha512", path, algorithm))
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := make()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// mimeOf asks file(1) where it is installed.
func mimeOf(ctx context.Context, t *Task, path string, out map[string]any) {
	out["mimetype"], out["charset"] = "unknown", "unknown"
	if _, err := t.find("file"); err != nil {
		return
	}
	said, err := t.run(ctx, program{args: []string{"file", "--mime-type", "--mime-encoding", path}})
	if err != nil || said.rc != 0 {
		return
	}
	rest := said.stdout[strings.LastIndex(said.stdout, ":")+1:]
	kind, charset, ok := strings.Cut(rest, ";")
	if !ok {
		return
	}
	out["mimetype"] = strings.TrimSpace(kind)
	if _, set, ok := strings.Cut(charset, "="); ok {
		out["charset"] = strings.TrimSpace(set)
	}
}
