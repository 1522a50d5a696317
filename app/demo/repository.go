package demo

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed shop/main.go.txt
var shop string

// repository makes the shop's Git repository with two releases; the second is bad unless it is to be good.
func repository(ctx context.Context, dir string, fine bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("repository of the demo: %w", err)
	}
	files := map[string]string{"main.go": shop, "go.mod": "module shop\n\ngo 1.23\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("repository of the demo: %w", err)
		}
	}
	steps := [][]string{{"init", "--quiet", "--initial-branch=main"}}
	for _, r := range []struct {
		version, subject string
		bad              bool
	}{{"v1", "Sell tea", false}, {"v2", "Look prices up in the new price list", !fine}} {
		for _, args := range steps {
			if err := git(ctx, dir, args...); err != nil {
				return err
			}
		}
		text := fmt.Sprintf("package main\n\nconst (\n\tversion = %q\n\tbad     = %t\n)\n", r.version, r.bad)
		if err := os.WriteFile(filepath.Join(dir, "release.go"), []byte(text), 0o600); err != nil {
			return fmt.Errorf("repository of the demo: %w", err)
		}
		steps = nil
		for _, args := range [][]string{{"add", "."}, {"commit", "--quiet", "-m", r.subject}, {"tag", r.version}} {
			if err := git(ctx, dir, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

func git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"}, args...)...)
	cmd.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s (the demo needs Git and Go)", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
