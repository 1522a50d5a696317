// Package yaml11 reads YAML as PyYAML does for Ansible: YAML 1.1 with yes and no as booleans, 0644 as an octal number and 22:30 as 1350, with ordered
// maps, any hashable keys, merge keys, !vault and !unsafe; and it writes YAML as Ansible's to_yaml and to_nice_yaml do.
package yaml11

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"goodstate.dev/goodstate/core/py"
)

// Options are for reading.
type Options struct {
	// Open decrypts a !vault text when it is used. Without it the value is a *py.Sealed that says so when it is used.
	Open func(cipher string) (string, error)
	// Warn is told about a key that is there twice.
	Warn func(message string)
	// Unsafe makes all text py.Unsafe, as for what hosts have sent.
	Unsafe bool
	// MaxBytes, MaxNodes and MaxDepth bound hostile files; zero means 64 MiB, 2 million values (with those that aliases repeat) and 200 levels.
	MaxBytes, MaxNodes, MaxDepth int
}

func (o Options) bounded() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxNodes == 0 {
		o.MaxNodes = 2_000_000
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = 200
	}
	return o
}

// Load reads one document; an empty one is nil. The name is for errors.
func Load(name string, data []byte, opt Options) (any, error) {
	n, err := LoadNode(name, data, opt)
	if err != nil || n == nil {
		return nil, err
	}
	return n.Value()
}

// LoadAll reads all documents of a stream.
func LoadAll(name string, data []byte, opt Options) ([]any, error) {
	nodes, err := LoadNodes(name, data, opt)
	if err != nil {
		return nil, err
	}
	values := make([]any, len(nodes))
	for i, n := range nodes {
		if n == nil {
			continue
		}
		if values[i], err = n.Value(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// LoadNode reads one document with positions; an empty one is nil.
func LoadNode(name string, data []byte, opt Options) (*Node, error) {
	nodes, err := LoadNodes(name, data, opt)
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	if len(nodes) > 1 {
		line, column := 1, 1
		if second := nodes[1]; second != nil {
			line, column = second.Line, second.Column
			if at := documentStart(data, line); at > 0 {
				line, column = at, 1
			}
		}
		return nil, newError(name, data, line, column, "expected a single document in the stream, but found another document")
	}
	return nodes[0], nil
}

// documentStart is the line of the last --- up to a line, 0 if there is none.
func documentStart(data []byte, line int) int {
	at, n := 0, 0
	for text := range bytes.Lines(data) {
		if n++; n > line {
			break
		}
		if bytes.HasPrefix(text, []byte("---")) {
			at = n
		}
	}
	return at
}

// LoadNodes reads all documents of a stream with positions.
func LoadNodes(name string, data []byte, opt Options) ([]*Node, error) {
	opt = opt.bounded()
	if len(data) > opt.MaxBytes {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read as YAML", name, len(data), opt.MaxBytes)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at := badByte(data); at >= 0 {
		line, column := position(data, at)
		return nil, newError(name, data, line, column, "control characters are not allowed, or the text is not UTF-8")
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV3Defaults())
	if err != nil {
		return nil, err
	}
	var nodes []*Node
	for {
		var doc yaml.Node
		err := loader.Load(&doc)
		if err != nil {
			if isEnd(err) {
				return nodes, nil
			}
			return nil, readError(name, data, err)
		}
		b := &builder{name: name, data: data, opt: opt, nodes: map[*yaml.Node]*Node{}}
		n, err := b.document(&doc)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
}

// badByte finds what PyYAML's reader refuses, or -1.
func badByte(data []byte) int {
	for i := 0; i < len(data); {
		c := data[i]
		if c < utf8.RuneSelf {
			if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 || r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff {
			return i
		}
		i += size
	}
	return -1
}

func position(data []byte, at int) (line, column int) {
	before := data[:at]
	line = bytes.Count(before, []byte("\n")) + 1
	return line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

func readError(name string, data []byte, err error) error {
	var le *yaml.LoadError
	if errors.As(err, &le) {
		problem := le.Message
		if strings.HasPrefix(problem, "unknown anchor") {
			problem = "found undefined alias: " + problem
		}
		return newError(name, data, le.Mark.Line, le.Mark.Column, problem)
	}
	return fmt.Errorf("%s: %w", name, err)
}

var errSealed = errors.New("it is encrypted, and no vault password was given")

func (o Options) sealed(cipher string) *py.Sealed {
	open := o.Open
	if open == nil {
		open = func(string) (string, error) { return "", errSealed }
	}
	return py.NewSealed(cipher, open)
}
