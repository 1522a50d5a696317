package fleet

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
)

// entry is one file, folder or link of a release.
type entry struct {
	kind byte // f, d, l
	mode fs.FileMode
	sum  string // content of a file, or target of a link
	path string // with slashes, from the release's folder
}

func (e entry) String() string {
	return fmt.Sprintf("%c %04o %s %s", e.kind, e.mode.Perm(), e.sum, e.path)
}

const mostFiles = 500_000

// manifest lists what is in a release's folder, in order. Its text is the same for the same content.
func manifest(dir string) ([]entry, error) {
	var all []entry
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if strings.ContainsAny(rel, "\n\r\\") || len(all) >= mostFiles {
			return fmt.Errorf("%q cannot be sent: its name has a line break or a backslash, or there are more than %d files", rel, mostFiles)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{mode: info.Mode().Perm(), path: filepath.ToSlash(rel)}
		switch {
		case d.IsDir():
			e.kind, e.sum = 'd', "-"
		case info.Mode().IsRegular():
			e.kind = 'f'
			e.sum, err = digest(name)
		case info.Mode()&fs.ModeSymlink != 0:
			e.kind, e.mode = 'l', 0o777
			target, lerr := os.Readlink(name)
			sum := sha256.Sum256([]byte(target))
			e.sum, err = hex.EncodeToString(sum[:]), lerr
		default:
			return nil // sockets and pipes are no part of a release
		}
		all = append(all, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the release in %s: %w", dir, err)
	}
	return all, nil
}

func digest(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func textOf(all []entry) string {
	var b strings.Builder
	for _, e := range all {
		b.WriteString(e.String())
		b.WriteByte('\n')
	}
	return b.String()
}

const (
	haveScript = `set -eu
umask 022
mkdir -p "$1/releases"
cd "$1/releases"
if [ -f "$2.whole" ] && [ -d "$2" ]; then touch "$2.whole"; echo whole; exit 0; fi
echo missing
base=$(ls -t | sed -n 's/\.whole$//p' | head -n 1)
[ -n "$base" ] || exit 0
echo "$base"
cat "$base.whole"`

	copyScript = `set -eu
umask 022
cd "$1/releases"
rm -rf "$2.new" "$2" "$2.whole"
mkdir "$2.new"
[ -z "$3" ] || tar -C "$3" --null -T - --no-recursion -cf - | tar -C "$2.new" -xpf -`

	fillScript  = `set -eu; umask 022; tar -C "$1/releases/$2.new" -xzpf - --no-same-owner`
	checkScript = `set -eu; cd "$1/releases/$2.new"; sha256sum -c --quiet --strict -`
	wholeScript = `set -eu
cd "$1/releases"
cat >"$2.whole.new"
mv "$2.new" "$2"
sync -f . 2>/dev/null || sync
mv "$2.whole.new" "$2.whole"`

	sendWithin = 30 * time.Minute
	sendSize   = 256 << 10 // of one write: the compressor's own are a few hundred bytes, and each would be a packet
)

// send makes sure that the folder is on the host and returns where. What a release there has already, to the byte, is copied on the
// host; the rest is sent; and all of it is checked before the folder gets its name.
func (h *host) send(ctx context.Context, service, dir string) (string, error) {
	h.sending.Lock()
	defer h.sending.Unlock()
	at, err := h.of(ctx, service)
	if err != nil {
		return "", err
	}
	all, err := manifest(dir)
	if err != nil {
		return "", err
	}
	text := textOf(all)
	sum := sha256.Sum256([]byte(text))
	key := hex.EncodeToString(sum[:10])
	to := path.Join(at, "releases", key)
	said, err := h.sh(ctx, haveScript, nil, at, key)
	if err != nil {
		return "", err
	}
	state, rest, _ := strings.Cut(said, "\n")
	if state == "whole" {
		return to, nil
	}
	base, had, _ := strings.Cut(rest, "\n")
	if err := h.fill(ctx, at, key, dir, base, all, shared(all, had)); err != nil {
		var failed *copyError
		if !errors.As(err, &failed) || base == "" {
			return "", err
		}
		if err := h.fill(ctx, at, key, dir, "", all, nil); err != nil { // the release there was changed: all is sent
			return "", err
		}
	}
	_, err = h.sh(ctx, wholeScript, strings.NewReader(text), at, key)
	return to, err
}

// shared are the paths of files that the other release has too, with the same content and mode.
func shared(all []entry, other string) map[string]bool {
	had := map[string]bool{}
	for line := range strings.Lines(other) {
		had[strings.TrimSuffix(line, "\n")] = true
	}
	out := map[string]bool{}
	for _, e := range all {
		if e.kind == 'f' && had[e.String()] {
			out[e.path] = true
		}
	}
	return out
}

// copyError says that what was copied on the host is not what it should be.
type copyError struct{ err error }

func (e *copyError) Error() string {
	return "what was copied on the host is not whole: " + e.err.Error()
}

func (e *copyError) Unwrap() error { return e.err }

func (h *host) fill(ctx context.Context, at, key, dir, base string, all []entry, there map[string]bool) error {
	var names, sums bytes.Buffer
	for _, e := range all {
		if there[e.path] {
			names.WriteString(e.path + "\x00")
		}
		if e.kind == 'f' {
			fmt.Fprintf(&sums, "%s  %s\n", e.sum, e.path)
		}
	}
	if len(there) == 0 {
		base = ""
	}
	if _, err := h.shWithin(ctx, sendWithin, copyScript, &names, at, key, base); err != nil {
		return h.copied(base, err)
	}
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(pack(w, dir, all, there))
	}()
	_, err := h.shWithin(ctx, sendWithin, fillScript, r, at, key)
	r.CloseWithError(io.ErrClosedPipe)
	<-done
	if err != nil {
		return err
	}
	if sums.Len() == 0 {
		return nil
	}
	if _, err := h.shWithin(ctx, sendWithin, checkScript, &sums, at, key); err != nil {
		return h.copied(base, err)
	}
	return nil
}

func (h *host) copied(base string, err error) error {
	var gone *runtime.UnreachableError
	if base == "" || errors.As(err, &gone) {
		return err
	}
	return &copyError{err}
}

// pack writes the folders, the links and the files that are not there as a compressed archive.
func pack(to io.Writer, dir string, all []entry, there map[string]bool) error {
	large := bufio.NewWriterSize(to, sendSize)
	z, err := gzip.NewWriterLevel(large, gzip.BestSpeed)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, e := range all {
		if there[e.path] {
			continue
		}
		if err := add(t, dir, e); err != nil {
			return fmt.Errorf("send %s: %w", e.path, err)
		}
	}
	return errors.Join(t.Close(), z.Close(), large.Flush())
}

func add(t *tar.Writer, dir string, e entry) error {
	name := filepath.Join(dir, filepath.FromSlash(e.path))
	head := &tar.Header{Name: e.path, Mode: int64(e.mode.Perm()), Format: tar.FormatPAX}
	switch e.kind {
	case 'd':
		head.Typeflag, head.Name = tar.TypeDir, e.path+"/"
		return t.WriteHeader(head)
	case 'l':
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		head.Typeflag, head.Linkname = tar.TypeSymlink, target
		return t.WriteHeader(head)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head.Typeflag, head.Size = tar.TypeReg, info.Size()
	if err := t.WriteHeader(head); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, head.Size)
	return err
}

const pointScript = `set -eu
cd "$1"
[ "$(readlink current 2>/dev/null)" = "releases/$2" ] && exit 0
ln -sfn "releases/$2" current.new
mv -fT current.new current`

// point makes the link current name the release whose instance was started last, in one go.
func (h *host) point(ctx context.Context, service, dir string) error {
	at, err := h.of(ctx, service)
	if err != nil {
		return err
	}
	_, err = h.sh(ctx, pointScript, nil, at, path.Base(dir))
	return err
}

// keptReleases is how many releases stay on a host besides those that are used, so that going back sends nothing.
const keptReleases = 5

// tidyScript removes the oldest releases that nothing uses.
const tidyScript = `set -eu
cd "$1/releases" 2>/dev/null || exit 0
used=$(readlink ../current 2>/dev/null | sed 's,.*/,,')
ls -t | sed -n 's/\.whole$//p' | tail -n +$(($2 + 1)) | while read -r old; do
	[ "$old" != "$used" ] || continue
	grep -qs "releases/$old\"" ../instances/*/spec.json && continue
	rm -f "$old.whole"
	rm -rf "$old"
done`
