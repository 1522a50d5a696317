package main

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "goodstate.dev/goodstate/"

// TestTheAgentLinksNothingButModules keeps the program that is sent to every host small, and free of what nobody needs there.
func TestTheAgentLinksNothingButModules(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v %s", err, out)
	}
	seen := false
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		allowed := path == "" || strings.HasPrefix(path, "golang.org/x/sys/") || path == module+"cmd/goodstate-agent" ||
			strings.HasPrefix(path, module+"drift/module") || path == module+"drift/agent/serve" || path == module+"drift/agent/wire" ||
			path == module+"core/py" || // how Python shows values: 30 KB
			path == module+"core/pyre" || strings.HasPrefix(path, "github.com/dlclark/regexp2") // Python's patterns: 140 KB of the packed agent
		if !allowed {
			t.Errorf("goodstate-agent links %s", path)
		}
		seen = seen || path == module+"drift/module"
	}
	if !seen {
		t.Error("the list does not have drift/module")
	}
}

// TestTheAgentIsBuiltWithoutC says that it runs on a host whatever C library that has.
func TestTheAgentIsBuiltWithoutC(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.Command("go", "build", "-o", t.TempDir()+"/agent", ".")
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("building for %s: %v\n%s", arch, err, out)
		}
	}
}
