package module

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Ansible's checksum of files
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// writeFile replaces a file at once: the content is written beside it and renamed over it, with the owner, mode, ACLs and label that were there.
// A new file gets the mode that the umask leaves. validate, when it is not empty, is a command with %s that must accept the content first.
func (t *Task) writeFile(ctx context.Context, dest string, content io.Reader, validate string) error {
	dir := filepath.Dir(dest)
	tmp, err := os.CreateTemp(dir, ".ansible_tmp*"+filepath.Base(dest))
	if err != nil {
		if t.Bool("unsafe_writes") {
			return t.writeOver(dest, content)
		}
		return fail(fmt.Sprintf("The destination directory (%s) is not writable by the current user. Error was: %v", dir, err))
	}
	defer os.Remove(tmp.Name()) // it is gone once it is renamed
	_, err = io.Copy(tmp, content)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", dest, err)
	}
	if err := t.validate(ctx, validate, tmp.Name()); err != nil {
		return err
	}
	return t.moveFile(tmp.Name(), dest)
}

// validate lets a command judge a file before it is put in its place.
func (t *Task) validate(ctx context.Context, command, path string) error {
	if command == "" {
		return nil
	}
	if !strings.Contains(command, "%s") {
		return fail("validate must contain %s: " + command)
	}
	args, err := shellWords(strings.Replace(command, "%s", path, 1))
	if err != nil {
		return err
	}
	out, err := t.run(ctx, program{args: args})
	if err != nil {
		return err
	}
	if out.rc != 0 {
		return fail("failed to validate", Result{"exit_status": int64(out.rc), "stdout": out.stdout, "stderr": out.stderr})
	}
	return nil
}

// moveFile puts a file of the same folder over another one.
func (t *Task) moveFile(from, dest string) error {
	info, err := os.Stat(dest)
	switch {
	case err == nil:
		st := info.Sys().(*syscall.Stat_t)
		if err := os.Chown(from, int(st.Uid), int(st.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("giving the new %s its owner: %w", dest, err)
		}
		copyAttributes(dest, from)
		if err := syscall.Chmod(from, st.Mode&permissionBits); err != nil {
			return fmt.Errorf("giving the new %s its mode: %w", dest, err)
		}
	case errors.Is(err, fs.ErrNotExist):
		if err := syscall.Chmod(from, 0o666&^currentUmask()); err != nil {
			return fmt.Errorf("giving the new %s its mode: %w", dest, err)
		}
	default:
		return err
	}
	if err := os.Rename(from, dest); err == nil {
		return nil
	} else if !t.Bool("unsafe_writes") {
		return fail(fmt.Sprintf("Could not replace file: %s to %s: %v", from, dest, errors.Unwrap(err)))
	}
	content, err := os.Open(from)
	if err != nil {
		return err
	}
	defer content.Close()
	return t.writeOver(dest, content)
}

// writeOver writes into the file itself; a reader may see half of it.
func (t *Task) writeOver(dest string, content io.Reader) error {
	f, err := os.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return fail(fmt.Sprintf("Could not write data to file (%s) from (%s): %v", dest, "content", err))
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// backup copies a file beside itself under Ansible's name for backups and returns that name.
func (t *Task) backup(path string) (string, error) {
	name := fmt.Sprintf("%s.%d.%s~", path, os.Getpid(), time.Now().Format("2006-01-02@15:04:05"))
	in, err := os.Open(path)
	if err != nil {
		return "", fail(fmt.Sprintf("Could not make backup of %s to %s: %v", path, name, err))
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fail(fmt.Sprintf("Could not make backup of %s to %s: %v", path, name, err))
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("backup of %s: %w", path, err)
	}
	_ = os.Lchown(name, int(st.Uid), int(st.Gid)) // who is not root keeps it as their own
	copyAttributes(path, name)
	if err := syscall.Chmod(name, st.Mode&permissionBits); err != nil {
		return "", err
	}
	return name, os.Chtimes(name, time.Unix(st.Atim.Unix()), time.Unix(st.Mtim.Unix()))
}

// sha1File is Ansible's checksum of a file; empty where there is none.
func sha1File(path string) string {
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

// readText reads a file that a task edits; more than a bound is refused and not loaded.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, maxText+1)); err != nil {
		return nil, err
	}
	if b.Len() > maxText {
		return nil, fmt.Errorf("%s has more than %d MiB, too much to edit as text", path, maxText>>20)
	}
	return b.Bytes(), nil
}

const maxText = 256 << 20
