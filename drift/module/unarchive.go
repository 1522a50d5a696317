package module

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func init() {
	register(Kind{
		Name:    "unarchive",
		Help:    "Unpack an archive",
		Example: "unarchive: {src: /srv/app.tar.gz, dest: /srv/app, remote_src: true, creates: /srv/app/bin}",
		Options: []Option{
			{Name: "src", Type: Path},
			{Name: "_blob", Internal: true},
			{Name: "dest", Type: Path, Required: true},
			{Name: "remote_src", Type: Bool, Default: false},
			{Name: "creates", Type: Path},
			{Name: "list_files", Type: Bool, Default: false},
			{Name: "keep_newer", Type: Bool, Default: false},
			{Name: "exclude", Type: List, Elements: Str, Default: []any{}},
			{Name: "include", Type: List, Elements: Str, Default: []any{}},
			{Name: "extra_opts", Type: List, Elements: Str, Default: []any{}},
			{Name: "validate_certs", Type: Bool, Default: true},
			{Name: "io_buffer_size", Type: Int, Default: 64 << 10},
			{Name: "copy", Type: Bool, Default: true},
			{Name: "decrypt", Type: Bool, Default: true},
		},
		FileArgs:          true,
		MutuallyExclusive: [][]string{{"include", "exclude"}},
		Check:             CheckFull,
		Own:               true,
		Plan:              planUnarchive,
	})
}

// archive is one archive and the program that reads it.
type archive struct {
	*Task
	src, dest, handler string
	flag               string // of tar, for the compression
	attrs              attributes
}

func planUnarchive(ctx context.Context, t *Task) error {
	a := &archive{Task: t, dest: t.abs(t.Str("dest"))}
	if c := t.Str("creates"); c != "" && exists(t.abs(c)) {
		t.Return("skipped", true)
		t.Return("msg", fmt.Sprintf("skipped, since %s exists", c))
		return nil
	}
	if err := a.source(ctx); err != nil {
		return err
	}
	if !isDir(a.dest) {
		return fail(fmt.Sprintf("Destination '%s' is not a directory", t.Str("dest")))
	}
	var err error
	if a.attrs, err = t.attributes(); err != nil {
		return err
	}
	if err := a.recognize(); err != nil {
		return err
	}
	names, err := a.list(ctx)
	if err != nil {
		return err
	}
	t.Return("src", t.Str("src"))
	t.Return("dest", t.Str("dest"))
	t.Return("handler", a.handler)
	t.Return("extract_results", map[string]any{})
	if t.Bool("list_files") {
		t.Return("files", toAny(names))
	}
	differs, err := a.differs(ctx, names)
	if err != nil {
		return err
	}
	if !differs {
		return a.attributes(names)
	}
	t.Change(func(ctx context.Context) error {
		if err := a.unpack(ctx); err != nil {
			return err
		}
		for _, name := range names {
			if _, err := a.attrs.apply(filepath.Join(a.dest, name)); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

// source brings the archive to a file of the host.
func (a *archive) source(ctx context.Context) error {
	src := a.Str("src")
	switch {
	case a.Has("_blob"), strings.Contains(src, "://"):
		dir, err := os.MkdirTemp(a.tmp(), "ansible-archive-")
		if err != nil {
			return err
		}
		a.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder for temporary files
		a.src = filepath.Join(dir, filepath.Base(src))
		if !a.Has("_blob") {
			if err := download(ctx, src, a.src); err != nil {
				return fail(fmt.Sprintf("Failure downloading %s, %v", src, err))
			}
			return nil
		}
		in, err := a.open(a.Str("_blob"))
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(a.src)
		if err != nil {
			return err
		}
		defer out.Close()
		_, err = io.Copy(out, in)
		return err
	}
	a.src = a.abs(src)
	if !exists(a.src) {
		return fail(fmt.Sprintf("Source '%s' does not exist", src))
	}
	return nil
}

// magic are the beginnings of files by which compressions are known.
var magic = []struct{ begin, flag, handler string }{
	{"\x1f\x8b", "-z", "TgzArchive"}, {"BZh", "-j", "TarBzipArchive"}, {"\xfd7zXZ\x00", "-J", "TarXzArchive"}, {"\x28\xb5\x2f\xfd", "--zstd", "TarZstdArchive"}, {"PK\x03\x04", "", "ZipArchive"},
}

func (a *archive) recognize() error {
	f, err := os.Open(a.src)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	a.handler = ""
	for _, m := range magic {
		if strings.HasPrefix(string(head[:n]), m.begin) {
			a.handler, a.flag = m.handler, m.flag
		}
	}
	if a.handler == "" && n > 262 && string(head[257:262]) == "ustar" {
		a.handler = "TarArchive"
	}
	program := "tar"
	if a.handler == "ZipArchive" {
		program = "unzip"
	}
	if a.handler == "" {
		return fail(fmt.Sprintf("Failed to find handler for \"%s\". Make sure the required command to extract the file is installed.", a.src))
	}
	return a.need(program)
}

// tar is the beginning of a call of tar in the folder of the destination.
func (a *archive) tar(verb ...string) []string {
	args := append([]string{"tar"}, verb...)
	if a.flag != "" {
		args = append(args, a.flag)
	}
	if verb[0] != "--list" {
		args = append(args, "-C", a.dest)
	}
	args = append(args, a.Strs("extra_opts")...)
	for _, e := range a.Strs("exclude") {
		args = append(args, "--exclude", e)
	}
	args = append(args, "-f", a.src)
	return append(args, a.Strs("include")...)
}

// list names what is in the archive. What would be unpacked outside of the destination is refused.
func (a *archive) list(ctx context.Context) ([]string, error) {
	args := a.tar("--list")
	if a.handler == "ZipArchive" {
		args = append([]string{"unzip", "-Z1", a.src}, a.Strs("include")...)
		if ex := a.Strs("exclude"); ex != nil {
			args = append(append(args, "-x"), ex...)
		}
	}
	out, err := a.run(ctx, program{args: args, env: []string{"LANG=C.UTF-8", "LC_ALL=C.UTF-8"}})
	if err != nil {
		return nil, err
	}
	if out.rc != 0 {
		return nil, fail(fmt.Sprintf("Unable to list files in the archive: %s", out.stderr))
	}
	var names []string
	for line := range strings.SplitSeq(out.stdout, "\n") {
		name := strings.TrimPrefix(line, "./")
		if name == "" {
			continue
		}
		if strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") {
			return nil, fail(fmt.Sprintf("the archive has %q, which is outside of the destination", name))
		}
		names = append(names, name)
	}
	return names, nil
}

// ignorable are differences that tar reports and that the task's own owner and mode make.
var ignorable = regexp.MustCompile(`(Uid|Gid|Mode|Mod time) differs$`)

// differs compares the archive with what is there.
func (a *archive) differs(ctx context.Context, names []string) (bool, error) {
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(a.dest, name)); err != nil {
			return true, nil //nolint:nilerr // it is missing
		}
	}
	if a.handler == "ZipArchive" {
		return a.zipDiffers(ctx, names)
	}
	out, err := a.run(ctx, program{args: a.tar("--diff"), env: cLocale})
	if err != nil {
		return false, err
	}
	for line := range strings.SplitSeq(out.stdout+out.stderr, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "tar: Removing leading") {
			continue
		}
		m := ignorable.FindStringSubmatch(line)
		switch {
		case m == nil:
			return true, nil
		case m[1] == "Mod time" && !a.Bool("keep_newer"):
			return true, nil
		case m[1] == "Uid" && a.attrs.owner == "" && os.Geteuid() == 0, m[1] == "Gid" && a.attrs.group == "" && os.Geteuid() == 0, m[1] == "Mode" && a.attrs.mode == nil:
			return true, nil
		}
	}
	return false, nil
}

// zipDiffers compares checksums: unzip's -t against a file on disk is not to be had, so the content is streamed.
func (a *archive) zipDiffers(ctx context.Context, names []string) (bool, error) {
	for _, name := range names {
		path := filepath.Join(a.dest, name)
		if strings.HasSuffix(name, "/") || isDir(path) {
			continue
		}
		out, err := a.run(ctx, program{args: []string{"sh", "-c", `unzip -p "$1" "$2" | cmp -s - "$3"`, "sh", a.src, zipName(name), path}})
		if err != nil {
			return false, err
		}
		if out.rc != 0 {
			return true, nil
		}
	}
	return false, nil
}

// zipName takes the meaning from characters that unzip reads as patterns.
func zipName(name string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]", `\`, `\\`).Replace(name)
}

func (a *archive) attributes(names []string) error {
	for _, name := range names {
		if _, err := a.attrs.plan(filepath.Join(a.dest, name)); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) unpack(ctx context.Context) error {
	args := a.tar("--extract")
	if a.handler == "ZipArchive" {
		args = []string{"unzip", "-o"}
		if a.Bool("keep_newer") {
			args = []string{"unzip", "-u"}
		}
		args = append(append(append(args, a.Strs("extra_opts")...), a.src), a.Strs("include")...)
		if ex := a.Strs("exclude"); ex != nil {
			args = append(append(args, "-x"), ex...)
		}
		args = append(args, "-d", a.dest)
	} else if a.Bool("keep_newer") {
		args = append(args[:2:2], append([]string{"--keep-newer-files"}, args[2:]...)...)
	}
	out, err := a.run(ctx, program{args: args, env: []string{"LANG=C.UTF-8", "LC_ALL=C.UTF-8"}})
	if err != nil {
		return err
	}
	a.Return("extract_results", map[string]any{"cmd": toAny(args), "rc": int64(out.rc), "out": out.stdout, "err": out.stderr})
	if out.rc != 0 {
		return fail(fmt.Sprintf("failed to unpack %s to %s", a.src, a.dest), a.result)
	}
	return nil
}
