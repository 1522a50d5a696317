package environment

import (
	"context"
	"path/filepath"
)

func init() { languages["python"] = python }

// python makes a virtual environment, and has pip install the repository into it.
func python(ctx context.Context, into, source string, w Want) error {
	program := "python3"
	if w.Version != "" && w.Version != "python" {
		program = w.Version // python3.12, or a path
	}
	if err := command(ctx, into, nil, program, "-m", "venv", into); err != nil {
		return err
	}
	packages := append([]string{}, w.More...)
	if source != "" {
		packages = append([]string{source}, packages...)
	}
	if len(packages) == 0 {
		return nil
	}
	return command(ctx, into, nil, filepath.Join(into, "bin", "python"), append([]string{"-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", "--"}, packages...)...)
}
