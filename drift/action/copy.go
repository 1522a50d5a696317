package action

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "copy", Help: "Put a file, a folder or a text of the controller onto the host", Run: runCopy})
}

func runCopy(ctx context.Context, t *Task) (*py.Dict, error) {
	content, given := t.Args.Get("content")
	given = given && content != nil
	src, dest := t.Text("src"), t.Text("dest")
	switch {
	case src == "" && !given:
		return Failed("src (or content) is required"), nil
	case dest == "":
		return Failed("dest is required"), nil
	case src != "" && given:
		return Failed("src and content are mutually exclusive"), nil
	case given && strings.HasSuffix(dest, "/"):
		return Failed("can not use content with a dir as dest"), nil
	}
	onHost, err := t.Bool("remote_src", false)
	if err != nil {
		return nil, err
	}
	if given {
		text, err := contentText(content)
		if err != nil {
			return nil, err
		}
		return t.put(ctx, textSource(text), "", dest, t.Args)
	}
	if onHost {
		return t.Remote.Module(ctx, t.Name, without(t.Args, "decrypt"))
	}
	path, err := t.needle("files", src)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return copyFolder(ctx, t, path, strings.HasSuffix(src, "/"), dest)
	}
	s, err := t.fileSource(path)
	if err != nil {
		return nil, err
	}
	return t.put(ctx, s, filepath.Base(path), dest, t.Args)
}

// contentText is the text of a content: lists and dicts as JSON in Python's form.
func contentText(content any) ([]byte, error) {
	switch content.(type) {
	case *py.Dict, *py.List, py.Tuple:
		raw, err := py.ToJSON(content)
		return dumps(raw), err
	}
	return []byte(Text(content)), nil
}

// dumps gives compact JSON the spaces and escapes of Python's json.dumps.
func dumps(raw []byte) []byte {
	var out strings.Builder
	quoted, escaped := false, false
	for _, r := range string(raw) {
		switch {
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		case r > 0x7e:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ',' || r == ':'):
			out.WriteByte(' ')
		}
	}
	return []byte(out.String())
}

func without(args *py.Dict, names ...string) *py.Dict {
	out := args.Copy()
	for _, name := range names {
		out.Delete(name)
	}
	return out
}

// put lets the host make one file equal to a source: it asks for the content only when its own differs.
func (t *Task) put(ctx context.Context, s source, base, dest string, options *py.Dict) (*py.Dict, error) {
	args := pick(options, append([]string{"backup", "force", "validate", "directory_mode", "follow", "local_follow"}, fileOptions...)...)
	args.Set("dest", dest)
	args.Set("_blob", s.blob.Hash)
	args.Set("checksum", s.sha1)
	if want := t.Text("checksum"); want != "" && want != "0" && want != s.sha1 {
		return py.DictOf("failed", true, "changed", false, "checksum", s.sha1, "expected_checksum", want,
			"msg", "Copied file does not match the expected checksum. Transfer failed."), nil
	}
	if base != "" {
		args.Set("_original_basename", base)
	}
	if mode, ok := options.Get("mode"); ok && Text(mode) == "preserve" {
		args.Set("mode", fmt.Sprintf("0%03o", bits(s.mode)))
	}
	result, err := t.Remote.Module(ctx, "copy", args, s.blob)
	if err != nil {
		return nil, err
	}
	t.tidy(result, s)
	return result, nil
}

// bits are the permissions of a file with setuid, setgid and sticky.
func bits(m os.FileMode) uint32 {
	b := uint32(m.Perm())
	for flag, bit := range map[os.FileMode]uint32{os.ModeSetuid: 0o4000, os.ModeSetgid: 0o2000, os.ModeSticky: 0o1000} {
		if m&flag != 0 {
			b |= bit
		}
	}
	return b
}

// tidy gives the result the form that Ansible's action has.
func (t *Task) tidy(result *py.Dict, s source) {
	if Is(result, "failed") {
		if !result.Has("checksum") {
			result.Set("checksum", s.sha1)
		}
		return
	}
	if msg, _ := result.Get("msg"); msg != nil && Text(msg) == "file already exists" { // force: false leaves what is there
		for _, key := range result.Keys() {
			if k := Text(key); k != "changed" && k != "dest" && k != "invocation" {
				result.Delete(key)
			}
		}
		return
	}
	if !result.Has("checksum") {
		result.Set("checksum", s.sha1)
	}
	dest, _ := result.Get("dest")
	diff, _ := result.Get("diff")
	if d, ok := diff.(*py.Dict); ok && s.blob.Path != "" && d.Has("after_header") {
		d.Set("after_header", s.blob.Path)
	}
	_, several := diff.(*py.List)
	switch {
	case Is(result, "changed") && result.Has("md5sum") && !several:
		list := py.NewList()
		if diff != nil {
			list.Items = append(list.Items, diff)
		}
		result.Set("diff", list)
	case !Is(result, "changed") && diff == nil:
		result.Set("path", dest)
		result.Set("diff", py.DictOf("before", py.DictOf("path", dest), "after", py.DictOf("path", dest)))
	}
}
