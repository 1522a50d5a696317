package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Before runs the hook that was there before ours, as Git would, and returns its exit code.
func Before(ctx context.Context, path string, args []string, input []byte, out, errs io.Writer) (int, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return 0, nil // Git runs no hook that is not executable
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = out, errs
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return exitRefused, fmt.Errorf("the hook that was there before, %s: %w", path, err)
	}
	return 0, nil
}
