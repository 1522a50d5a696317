package main

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "goodstate.dev/goodstate/"

// heavy are packages that make a program slow to start, or that have no business in what Git starts at every commit.
var heavy = []string{
	"net/http", "database/sql", "crypto/tls", "github.com/spf13/", "k8s.io/", "modernc.org/", "github.com/jackc/", "google.golang.org/", "github.com/danielgtaylor/",
	module + "core/config", module + "core/store", module + "core/run", module + "app", module + "web", module + "rollout",
}

func isHeavy(path string) bool {
	return slices.ContainsFunc(heavy, func(h string) bool {
		return path == strings.TrimSuffix(h, "/") || strings.HasPrefix(path, strings.TrimSuffix(h, "/")+"/")
	})
}

// TestTheHookLinksNothingHeavyOfOurs follows the imports of our own packages by reading the files, so that a change anywhere is seen.
func TestTheHookLinksNothingHeavyOfOurs(t *testing.T) {
	seen := map[string]bool{}
	var visit func(path, from string)
	visit = func(path, from string) {
		if isHeavy(path) {
			t.Errorf("%s imports %s, which goodstate-hook must not link", from, path)
		}
		if seen[path] || !strings.HasPrefix(path, module) {
			return
		}
		seen[path] = true
		for _, imported := range imports(t, filepath.Join("..", "..", strings.TrimPrefix(path, module))) {
			visit(imported, path)
		}
	}
	visit(module+"cmd/goodstate-hook", "goodstate-hook")
	if !seen[module+"hooks/client"] {
		t.Error("the walk did not reach hooks/client")
	}
}

func imports(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			all = append(all, strings.Trim(i.Path.Value, `"`))
		}
	}
	return all
}

// TestTheHookLinksNothingHeavyOfOthers asks the compiler's own list, which goes into other modules too.
func TestTheHookLinksNothingHeavyOfOthers(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v %s", err, out)
	}
	for path := range strings.Lines(string(out)) {
		if path = strings.TrimSpace(path); isHeavy(path) {
			t.Errorf("goodstate-hook links %s", path)
		}
	}
}
