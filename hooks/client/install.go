package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// mark is the second line of our shims.
const mark = "# made by goodstate hooks install; goodstate hooks uninstall puts back what was here"

// kept is what the hook that was there before is called while ours is in its place.
const kept = ".before-goodstate"

// Installed says what an installation did, one line each.
type Installed struct {
	Where string   `json:"where"` // the folder of hooks, or Git's configuration
	Done  []string `json:"done"`
}

// Install has Git start goodstate-hook at the stages. Git 2.54 and newer are told in the repository's configuration; for others a shim is put into the folder of
// hooks, and what was there is kept and run before. core.hooksPath is honoured and never set. Installing again changes nothing.
func Install(ctx context.Context, repo *Repo, stages []string, outside bool) (Installed, error) {
	var done Installed
	hook, err := hookProgram()
	if err != nil {
		return done, err
	}
	me, err := os.Executable()
	if err != nil {
		return done, fmt.Errorf("path of this program: %w", err)
	}
	if err := repo.remember(installed{Hook: hook, Goodstate: me}); err != nil {
		return done, err
	}
	configured, err := repo.hasConfigHooks(ctx)
	if err != nil {
		return done, err
	}
	if configured {
		return repo.installConfig(ctx, hook, stages)
	}
	if _, err := repo.removeConfig(ctx); err != nil { // of a newer Git, which would start the hooks a second time
		return done, err
	}
	dir, err := repo.hooksDir(ctx, outside)
	if err != nil {
		return done, err
	}
	done.Where = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return done, fmt.Errorf("folder of hooks: %w", err)
	}
	for _, stage := range stages {
		said, err := installShim(dir, stage, shim(hook, stage))
		if err != nil {
			return done, err
		}
		done.Done = append(done.Done, said)
	}
	return done, nil
}

// Uninstall takes out what Install put in, and puts back what was there.
func Uninstall(ctx context.Context, repo *Repo) (Installed, error) {
	done := Installed{Where: "this repository"}
	sections, err := repo.removeConfig(ctx)
	if err != nil {
		return done, err
	}
	for _, section := range sections {
		done.Done = append(done.Done, section+": removed from Git's configuration")
	}
	dir, err := repo.hooksDir(ctx, true)
	if err != nil {
		return done, err
	}
	for _, stage := range Stages {
		said, err := uninstallShim(dir, stage)
		if err != nil {
			return done, err
		}
		if said != "" {
			done.Done = append(done.Done, said)
		}
	}
	err = os.Remove(filepath.Join(repo.shared(), installedName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return done, err
}

// Stages are the Git hooks of a work tree that goodstate can be.
var Stages = []string{"pre-commit", "prepare-commit-msg", "commit-msg", "pre-push", "post-commit", "post-checkout", "post-merge", "post-rewrite"}

// hookProgram finds goodstate-hook: beside this program, else on PATH.
func hookProgram() (string, error) {
	const name = "goodstate-hook"
	me, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("path of this program: %w", err)
	}
	beside := filepath.Join(filepath.Dir(me), name)
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
		return beside, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither in %s nor on PATH; it comes with goodstate, put both into one folder", name, filepath.Dir(me))
	}
	return filepath.Abs(path)
}

func (repo *Repo) remember(i installed) error {
	data, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("what is installed: %w", err)
	}
	if err := os.MkdirAll(repo.shared(), 0o755); err != nil {
		return fmt.Errorf("what is installed: %w", err)
	}
	return writeWhole(filepath.Join(repo.shared(), installedName), append(data, '\n'), 0o644)
}

// writeWhole writes a file so that nobody sees half of it.
func writeWhole(path string, content []byte, perm fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".goodstate-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // moved away when all went well
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(perm), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// hooksDir is where Git looks for hooks. A folder outside of this repository may serve others as well; it is used only when that is wanted.
func (repo *Repo) hooksDir(ctx context.Context, outside bool) (string, error) {
	out, err := repo.git(ctx, repo.Index, nil, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", err
	}
	dir := absolute(repo.Top, strings.TrimSuffix(string(out), "\n"))
	within := slices.ContainsFunc([]string{repo.Top, repo.Common, repo.Dir}, func(root string) bool {
		rel, err := filepath.Rel(root, dir)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
	})
	if !within && !outside {
		return "", fmt.Errorf("core.hooksPath of this repository is %s, which other repositories may share; --shared installs there all the same", dir)
	}
	return dir, nil
}
