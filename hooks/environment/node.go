package environment

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

func init() { languages["node"] = node }

// node has npm install the repository as a package of its own.
func node(ctx context.Context, into, source string, w Want) error {
	if w.Version != "" {
		return fmt.Errorf("version %q of Node is not installed here; take language_version out to use the one on PATH", w.Version)
	}
	packages := append([]string{}, w.More...)
	if source != "" {
		packages = append([]string{source}, packages...)
	}
	if len(packages) == 0 {
		return os.Mkdir(filepath.Join(into, "bin"), 0o755)
	}
	// --install-links has the folder copied: a link into it would lack what it depends on.
	args := append([]string{"install", "--global", "--prefix", into, "--install-links", "--no-audit", "--no-fund", "--loglevel=error", "--"}, packages...)
	return command(ctx, into, nil, "npm", args...)
}
