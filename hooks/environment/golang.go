package environment

import (
	"context"
	"fmt"
	"path/filepath"
)

func init() { languages["golang"] = golang }

// golang has the repository's commands installed into the environment.
func golang(ctx context.Context, into, source string, w Want) error {
	if w.Version != "" {
		return fmt.Errorf("version %q of Go is not installed here; take language_version out to use the one on PATH", w.Version)
	}
	env := []string{"GOBIN=" + filepath.Join(into, "bin"), "GOFLAGS=", "GOWORK=off"}
	if source != "" {
		if err := command(ctx, source, env, "go", "install", "./..."); err != nil {
			return err
		}
	}
	for _, m := range w.More {
		if err := command(ctx, into, env, "go", "install", "--", m); err != nil {
			return err
		}
	}
	return nil
}
