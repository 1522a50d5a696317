package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// merge brings a repair (from base to repaired) into a file that has changes of its own. False means that both touch the same lines, or that the file
// has no lines; then the file stays as it is.
func (j *journal) merge(ctx context.Context, repo *Repo, mine, base, repaired []byte) ([]byte, bool, error) {
	names := []string{"mine", "base", "repaired"}
	args := []string{"merge-file", "-p", "--quiet"}
	for i, content := range [][]byte{mine, base, repaired} {
		path := j.path(names[i])
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, false, fmt.Errorf("merge a repair: %w", err)
		}
		defer os.Remove(path) // in our own folder, which goes as well
		args = append(args, path)
	}
	merged, err := repo.git(ctx, repo.Index, nil, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return nil, false, ctx.Err() // conflicts are counted in the code; 255 is a file without lines
	}
	return merged, err == nil, err
}

// checkedOut is an object as Git writes it into the work tree: with its line endings and filters.
func (repo *Repo) checkedOut(ctx context.Context, index, oid, name string) ([]byte, error) {
	return repo.git(ctx, index, nil, "cat-file", "--filters", "--path="+name, oid)
}
