package action

import (
	"context"
	"crypto/md5"  //nolint:gosec // Ansible tells it
	"crypto/sha1" //nolint:gosec // Ansible's checksum of files
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "fetch", Help: "Bring a file of the host to the controller", Run: runFetch})
}

func runFetch(ctx context.Context, t *Task) (*py.Dict, error) {
	if t.Check {
		return py.DictOf("changed", false, "skipped", true, "msg", "check mode not (yet) supported for this module"), nil
	}
	src, dest := t.Text("src"), t.Text("dest")
	if src == "" || dest == "" {
		return Failed("src and dest are required"), nil
	}
	flat, err := t.Bool("flat", false)
	if err != nil {
		return nil, err
	}
	missing, err := t.Bool("fail_on_missing", true)
	if err != nil {
		return nil, err
	}
	seen, err := t.Remote.Module(ctx, "stat", py.DictOf("path", src, "follow", true, "get_checksum", true))
	if err != nil {
		return nil, err
	}
	if refused := fetchable(seen, src, missing); refused != nil {
		return refused, nil
	}
	if dest, err = t.fetchDest(src, dest, flat); err != nil {
		return nil, err
	}
	info, _ := seen.Get("stat")
	stat, _ := info.(*py.Dict)
	theirs, ours := "", checksum(dest)
	if stat != nil {
		if sum, ok := stat.Get("checksum"); ok && sum != nil {
			theirs = Text(sum)
		}
	}
	if theirs != "" && theirs == ours {
		return py.DictOf("changed", false, "md5sum", md5Of(dest), "file", src, "dest", dest, "checksum", ours), nil
	}
	return t.take(ctx, src, dest, theirs, missing)
}

// fetchable says why a file cannot be fetched; nil if it can be tried.
func fetchable(seen *py.Dict, src string, missing bool) *py.Dict {
	if Is(seen, "failed") {
		if missing {
			seen.Set("file", src)
			return seen
		}
		msg, _ := seen.Get("msg")
		return py.DictOf("changed", false, "file", src, "msg", Text(msg)+", ignored")
	}
	info, _ := seen.Get("stat")
	stat, _ := info.(*py.Dict)
	switch {
	case stat == nil || !Is(stat, "exists"):
		if !missing {
			return py.DictOf("changed", false, "file", src, "msg", "the remote file does not exist, not transferring, ignored")
		}
		return py.DictOf("changed", false, "failed", true, "msg", "the remote file does not exist, not transferring, ignored")
	case Is(stat, "isdir"):
		if !missing {
			return py.DictOf("msg", "remote file is a directory, fetch cannot work on directories, not transferring, ignored", "file", src, "changed", false)
		}
		return py.DictOf("failed", true, "changed", false, "msg", "remote file is a directory, fetch cannot work on directories")
	}
	return nil
}

// fetchDest is where the file goes: below a folder for each host, or where dest says. A path that leads out of it is refused.
func (t *Task) fetchDest(src, dest string, flat bool) (string, error) {
	base := dest
	if !filepath.IsAbs(base) {
		dir := "."
		if t.Path != "" {
			dir = filepath.Dir(t.Path)
		}
		if value, ok, err := t.Vars.Get("playbook_dir"); err == nil && ok {
			dir = Text(value)
		}
		base = filepath.Join(dir, dest)
		if strings.HasSuffix(dest, "/") {
			base += "/"
		}
	}
	if !flat {
		to := filepath.Join(base, t.Host, src)
		if root := filepath.Join(base, t.Host); t.Host == ".." || !strings.HasPrefix(to, root+"/") {
			return "", fmt.Errorf("Detected directory traversal, expected to be contained in '%s' but got '%s'", root, to)
		}
		return to, nil
	}
	if info, err := os.Stat(base); err == nil && info.IsDir() && !strings.HasSuffix(base, "/") {
		return "", fmt.Errorf("dest is an existing directory, use a trailing slash if you want to fetch src into that directory")
	}
	if strings.HasSuffix(base, "/") {
		return filepath.Join(base, filepath.Base(src)), nil
	}
	return filepath.Clean(base), nil
}

// take brings the content here and puts it into its place at once.
func (t *Task) take(ctx context.Context, src, dest, theirs string, missing bool) (*py.Dict, error) {
	got, err := t.Remote.Module(ctx, "slurp", py.DictOf("src", src))
	if err != nil {
		return nil, err
	}
	if Is(got, "failed") {
		if !missing {
			msg, _ := got.Get("msg")
			return py.DictOf("changed", false, "file", src, "msg", msg), nil
		}
		return got, nil
	}
	text, _ := got.Get("content")
	data, err := base64.StdEncoding.DecodeString(Text(text))
	if err != nil {
		return nil, fmt.Errorf("fetching %s: the host sent what is no base64: %w", src, err)
	}
	sum := sha1.Sum(data) //nolint:gosec // Ansible's checksum of files
	checksum := hex.EncodeToString(sum[:])
	validate, err := t.Bool("validate_checksum", true)
	if err != nil {
		return nil, err
	}
	if validate && theirs != "" && checksum != theirs {
		return py.DictOf("failed", true, "msg", "checksum mismatch", "file", src, "dest", dest, "checksum", checksum, "remote_checksum", theirs, "remote_md5sum", nil), nil
	}
	if err := os.MkdirAll(filepath.Dir(dest), 0o777); err != nil {
		return nil, fmt.Errorf("Failed to fetch the file: %w", err)
	}
	if err := replaceFile(dest, data); err != nil {
		return nil, fmt.Errorf("Failed to fetch the file: %w", err)
	}
	return py.DictOf("changed", true, "md5sum", md5Of(dest), "dest", dest, "remote_md5sum", nil, "checksum", checksum, "remote_checksum", checksum), nil
}

// replaceFile writes a file of the controller at once, with the mode that a new file has.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".goodstate-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.Chmod(f.Name(), mode); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func checksum(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha1.New() //nolint:gosec // Ansible's checksum of files
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

func md5Of(path string) any {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	h := md5.New() //nolint:gosec // Ansible tells it
	if _, err := io.Copy(h, f); err != nil {
		return nil
	}
	return hex.EncodeToString(h.Sum(nil))
}
