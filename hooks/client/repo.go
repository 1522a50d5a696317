package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Repo is a work tree and where Git keeps what belongs to it. All paths are absolute.
type Repo struct {
	Top    string // root of the work tree
	Dir    string // its own .git folder: index, HEAD
	Common string // what all work trees of the repository share: objects, refs, hooks
	Index  string // the index that is about to be committed; during commit -a and commit PATH a temporary one
}

const configName = "goodstate.yaml"

// maxConfig is what core/config takes, in bytes.
const maxConfig = 1 << 20

// Open finds the repository of the current folder: what Git says in the environment of a hook, else the nearest .git above.
func Open() (*Repo, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("current folder: %w", err)
	}
	repo := &Repo{Dir: os.Getenv("GIT_DIR")}
	if repo.Dir != "" {
		repo.Dir, repo.Top = absolute(here, repo.Dir), here
		if tree := os.Getenv("GIT_WORK_TREE"); tree != "" {
			repo.Top = absolute(here, tree)
		}
	} else if err := repo.find(here); err != nil {
		return nil, err
	}
	if repo.Common, err = commonOf(repo.Dir); err != nil {
		return nil, err
	}
	repo.Index = filepath.Join(repo.Dir, "index")
	if index := os.Getenv("GIT_INDEX_FILE"); index != "" {
		repo.Index = absolute(here, index)
	}
	return repo, nil
}

func (repo *Repo) find(here string) error {
	for dir := here; ; dir = filepath.Dir(dir) {
		dotgit := filepath.Join(dir, ".git")
		info, err := os.Stat(dotgit)
		if err == nil {
			repo.Top, repo.Dir = dir, dotgit
			if !info.IsDir() {
				repo.Dir, err = pointer(dotgit, "gitdir: ")
			}
			return err
		}
		if dir == filepath.Dir(dir) {
			return fmt.Errorf("%s is not in a Git work tree; go into one, git init makes one", here)
		}
	}
}

// pointer reads a file that holds the path of a folder, as linked work trees and submodules have them (gitrepository-layout(5)).
func pointer(path, prefix string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("where the repository is: %w", err)
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), prefix)
	if !ok || target == "" {
		return "", fmt.Errorf("%s has %.60q, want %sPATH; git worktree repair mends it", path, data, prefix)
	}
	return absolute(filepath.Dir(path), target), nil
}

func commonOf(dir string) (string, error) {
	common, err := pointer(filepath.Join(dir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil
	}
	return common, err
}

func absolute(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// shared is our folder for all work trees: plans, skips.
func (repo *Repo) shared() string { return filepath.Join(repo.Common, "goodstate") }

// own is our folder for this work tree: runs, their lock, what was kept.
func (repo *Repo) own() string { return filepath.Join(repo.Dir, "goodstate") }

// local are the variables that bind a Git command to one repository (git rev-parse --local-env-vars). A command that goes to another
// repository must not see them.
var local = []string{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE",
	"GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE",
	"GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX",
}

// freed is the environment without what binds it to a repository.
func freed() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(local, name)
	})
}

// command is a Git command in the work tree with a certain index. It takes no optional locks, and paths are paths, not patterns.
func (repo *Repo) command(ctx context.Context, index string, args ...string) *exec.Cmd {
	cmd := gentle(exec.CommandContext(ctx, "git", args...))
	cmd.Dir = repo.Top
	cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+index, "GIT_LITERAL_PATHSPECS=1", "GIT_OPTIONAL_LOCKS=0")
	return cmd
}

// gentle has a command told to end, not killed, when its context ends: Git then removes its lock files.
func gentle(cmd *exec.Cmd) *exec.Cmd {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// git runs a Git command and returns what it says.
func (repo *Repo) git(ctx context.Context, index string, input []byte, args ...string) ([]byte, error) {
	return output(repo.command(ctx, index, args...), input)
}

func output(cmd *exec.Cmd, input []byte) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	}
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("git %s in %s: %w: %s", strings.Join(cmd.Args[1:min(len(cmd.Args), 6)], " "), cmd.Dir, err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// Configs are the files that say what the hooks do. The first that is there counts: without ours those of other tools run as they are.
var Configs = []string{
	configName, ".pre-commit-config.yaml", "lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".lefthook.yaml", "lefthook.json", ".lefthook.json",
	".config/lefthook.yml", ".config/lefthook.yaml",
}

// readConfig reads the configuration and tells which it is; nil when there is none.
func readConfig(top string) (string, []byte, error) {
	for _, name := range Configs {
		if data, err := readOne(top, name); data != nil || err != nil {
			return name, data, err
		}
	}
	return "", nil, nil
}

func readOne(top, name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(top, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close() // opened for reading only
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", f.Name(), err)
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("configuration %s has more than %d bytes", f.Name(), maxConfig)
	}
	return data, nil
}
