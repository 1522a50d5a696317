// Package config turns goodstate.yaml into typed values and says everything that is wrong with it at once, by line.
//
// It knows no capability. A capability owns its structs and describes them with tags, app composes the root struct:
//
//	type Service struct {
//		Port  int             `yaml:"port" help:"where the service listens" default:"8080" example:"9000"`
//		Grace config.Duration `yaml:"grace" help:"time to finish requests" default:"30s"`
//		Level string          `yaml:"level" help:"how much is logged" enum:"info,debug"`
//	}
//
// The tags are yaml (the key; ",inline" for an embedded struct, ",inline,optional" for an embedded choice that may be left out; "-" for none), help, default, required, example and enum.
// A tag's default is used where the key is absent and the field is still zero. Two rules are stricter than YAML: a
// number is what JSON calls a number (0644 and 0x1F are not), and only true and false are booleans.
//
// The same structs, tags and families give the JSON Schema, the reference page and "goodstate explain".
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

const (
	maxFile   = 1 << 20   // bytes of a configuration file
	maxDepth  = 64        // values within values
	maxValues = 1_000_000 // values decoded or merged, so that aliases of aliases stay harmless
)

// Load reads a file into the struct. The error is an *Errors with every problem in the file, in line order.
func Load[T any](path string, into *T) error {
	data, problem := read(path)
	if problem != nil {
		problem.File = filepath.Base(path)
		return &Errors{Problems: []Problem{*problem}}
	}
	return Parse(filepath.Base(path), data, into)
}

// Parse decodes data into the struct; name stands for the file in problems. The error is an *Errors.
func Parse[T any](name string, data []byte, into *T) error {
	src := newSource(name, data)
	root, problems := src.parse()
	if root == nil {
		return src.errors(problems, nil)
	}
	d := newDecoder()
	d.problems = problems
	target := reflect.ValueOf(into).Elem()
	if target.Kind() == reflect.Struct { // x-anything at the top holds anchors for the rest of the file
		root = root.without(func(name string) bool { return len(name) > 2 && strings.HasPrefix(name, "x-") })
	}
	d.decode(root, target, "")
	return src.errors(d.problems, d.shared.masks)
}

func read(path string) ([]byte, *Problem) {
	file, err := os.Open(path) //nolint:gosec // the path is what the user asked to load
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Problem{Message: "there is no such file: " + path, Hint: "goodstate init writes one; --config names another"}
	}
	if err != nil {
		return nil, &Problem{Message: fmt.Sprintf("cannot be read: %v", err)}
	}
	defer file.Close() // opened for reading only
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, &Problem{Message: fmt.Sprintf("cannot be read: %v", err)}
	}
	return data, nil
}
