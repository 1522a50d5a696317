// Package archtest holds the tree together: imports flow one way, and every package says what it is for.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const module = "goodstate.dev/goodstate/"

// layer is how far down a package stands; a package may import what stands lower, and its own layer within its own top folder.
func layer(path string) int {
	switch top, rest, _ := strings.Cut(path, "/"); top {
	case "cmd", "e2e", "bench":
		return 6
	case "app":
		return 5
	case "web":
		return 4
	case "rollout", "drift", "backup", "hooks":
		return 3
	case "internal":
		return 2
	case "core":
		if rest == "good" {
			return 0
		}
		return 1
	}
	return -1
}

// each calls do with every Go file of the module, by its path from the root.
func each(t *testing.T, do func(path string, imports []string, doc string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "tools") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		var imports []string
		for _, i := range f.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		rel, err := filepath.Rel(root, path)
		do(filepath.ToSlash(rel), imports, f.Doc.Text())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsFlowOneWay(t *testing.T) {
	seen := 0
	each(t, func(path string, imports []string, _ string) {
		seen++
		from := filepath.ToSlash(filepath.Dir(path))
		for _, i := range imports {
			to, ours := strings.CutPrefix(i, module)
			if !ours {
				continue
			}
			down := layer(to) < layer(from)
			sameFolder := layer(to) == layer(from) && top(to) == top(from)
			if strings.HasSuffix(path, "_test.go") && strings.HasPrefix(to, "internal/") {
				continue // what tests run against may be used everywhere
			}
			if !down && !sameFolder {
				t.Errorf("%s imports %s: imports go from cmd over app, web and the capabilities down to core", path, to)
			}
		}
	})
	if seen < 50 {
		t.Fatalf("only %d files were seen", seen)
	}
}

func top(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	docs := map[string]bool{}
	each(t, func(path string, _ []string, doc string) {
		if strings.HasSuffix(path, "_test.go") && layer(filepath.Dir(path)) != 2 {
			return
		}
		dir := filepath.Dir(path)
		docs[dir] = docs[dir] || doc != ""
	})
	for dir, ok := range docs {
		if !ok {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}
