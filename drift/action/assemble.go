package action

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "assemble", Help: "Make one file of the pieces in a folder", Run: runAssemble})
}

func runAssemble(ctx context.Context, t *Task) (*py.Dict, error) {
	if t.Check {
		return py.DictOf("changed", false, "skipped", true, "msg", "This action ("+t.Name+") does not support check mode."), nil
	}
	src, dest := t.Text("src"), t.Text("dest")
	if src == "" || dest == "" {
		return Failed("src and dest are required"), nil
	}
	onHost, err := t.Bool("remote_src", true)
	if err != nil {
		return nil, err
	}
	if onHost {
		return t.Remote.Module(ctx, "assemble", without(t.Args, "decrypt"))
	}
	path, err := t.needle("files", src)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return Failed("Source (%s) is not a directory", path), nil
	}
	joined, err := t.join(path)
	if err != nil {
		return nil, err
	}
	return t.put(ctx, textSource(joined), "", dest, without(t.Args, "remote_src", "regexp", "delimiter", "ignore_hidden", "decrypt"))
}

// join puts the pieces of a folder together in the order of their names.
func (t *Task) join(dir string) ([]byte, error) {
	var wanted *regexp.Regexp
	if text := t.Text("regexp"); text != "" {
		var err error
		if wanted, err = regexp.Compile(text); err != nil {
			return nil, fmt.Errorf("Invalid Regexp (%w) in \"%s\"", err, text)
		}
	}
	hidden, err := t.Bool("ignore_hidden", false)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	delimiter := unescape(t.Text("delimiter"))
	var out bytes.Buffer
	for _, e := range entries {
		full := filepath.Join(dir, e.Name())
		info, err := os.Stat(full)
		if err != nil || !info.Mode().IsRegular() || wanted != nil && !wanted.MatchString(e.Name()) || hidden && strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
			out.WriteByte('\n')
		}
		if out.Len() > 0 && delimiter != "" {
			out.WriteString(delimiter + "\n") // Ansible adds one also after a delimiter that ends with one
		}
		piece, err := t.fileSource(full)
		if err != nil {
			return nil, err
		}
		data := piece.blob.Data
		if piece.blob.Path != "" {
			if data, err = os.ReadFile(piece.blob.Path); err != nil {
				return nil, err
			}
		}
		if out.Len()+len(data) > maxTemplate {
			return nil, fmt.Errorf("the pieces in %s have more than %d bytes", dir, maxTemplate)
		}
		out.Write(data)
	}
	return out.Bytes(), nil
}

// unescape reads \n and its like.
func unescape(text string) string {
	if out, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`); err == nil {
		return out
	}
	return text
}
