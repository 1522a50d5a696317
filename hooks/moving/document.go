package moving

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	maxFile   = 1 << 20 // bytes of one configuration file
	maxDepth  = 40      // values within values
	maxValues = 20_000  // values of one file, those of aliases counted again at every use
)

// node is one value of a configuration with the line that it stands on.
type node struct {
	kind nodeKind
	line int
	text string // of a scalar
	keys []string
	at   map[string]*node // of a mapping
	list []*node
}

type nodeKind int

const (
	null nodeKind = iota
	scalar
	mapping
	sequence
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a single value", "a mapping", "a list"}[k]
}

// get is the value under a key, nil when there is none.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	return n.at[key]
}

// file is one configuration file of another tool.
type file struct {
	name string // as shown, from the root of the repository
	root *node
}

// errorf is an error about a line of the file.
func (f *file) errorf(n *node, format string, values ...any) error {
	return errors.New(oneLine(f.place(n) + ": " + fmt.Sprintf(format, values...)))
}

func (f *file) place(n *node) string {
	if n == nil || n.line == 0 {
		return f.name
	}
	return fmt.Sprintf("%s:%d", f.name, n.line)
}

// read reads a file of the repository. It is nil, without an error, when there is none. What lies behind a link is not followed out of the repository.
func read(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("folder to read configurations in: %w", err)
	}
	defer root.Close()
	path := filepath.FromSlash(name)
	info, err := root.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is no regular file, so it is not read", name)
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s: is larger than %d bytes, want a configuration written by people", name, maxFile)
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return nil, fmt.Errorf("%s: is not UTF-8 text; save it as UTF-8", name)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), nil
}

// parse reads JSON where the name or the text says so, and YAML elsewhere.
func parse(name string, data []byte) (*file, error) {
	f := &file{name: name}
	var err error
	if strings.HasSuffix(name, ".json") || json.Valid(data) {
		f.root, err = parseJSON(name, data)
	} else {
		f.root, err = parseYAML(name, data)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// set adds a key; the last of two with one name counts.
func (n *node) set(key string, value *node) {
	if _, twice := n.at[key]; !twice {
		n.keys = append(n.keys, key)
	}
	n.at[key] = value
}
