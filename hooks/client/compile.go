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
	"strings"
)

// installed is installed.json: where the programs were when the hooks were installed. A program that starts Git from a desktop may have
// another PATH than a terminal.
type installed struct {
	Hook      string `json:"hook"`
	Goodstate string `json:"goodstate"`
}

const installedName = "installed.json"

func (repo *Repo) installed() (installed, error) {
	var i installed
	data, err := os.ReadFile(filepath.Join(repo.shared(), installedName))
	if errors.Is(err, fs.ErrNotExist) {
		return i, nil
	}
	if err != nil {
		return i, fmt.Errorf("what was installed: %w", err)
	}
	if err := json.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("%s in %s is damaged: %w; goodstate hooks install writes it anew", installedName, repo.shared(), err)
	}
	return i, nil
}

// compile has goodstate read the configuration, which this program cannot, and write the plan.
func (repo *Repo) compile(ctx context.Context, name string) error {
	program, err := repo.goodstate()
	if err != nil {
		return err
	}
	config := filepath.Join(repo.Top, name)
	cmd := exec.CommandContext(ctx, program, "hooks", "compile", "--file", config, "--into", repo.shared())
	cmd.Dir = repo.Top
	cmd.Env = freed()
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the hooks of %s cannot be used: %s", name, strings.TrimSpace(string(text)))
	}
	return nil
}

// goodstate finds the big program: as it was when the hooks were installed, else beside this one, else on PATH.
func (repo *Repo) goodstate() (string, error) {
	i, err := repo.installed()
	if err != nil {
		return "", err
	}
	tried := []string{i.Goodstate}
	if me, err := os.Executable(); err == nil {
		tried = append(tried, filepath.Join(filepath.Dir(me), "goodstate"))
	}
	for _, path := range tried {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	path, err := exec.LookPath("goodstate")
	if err != nil {
		return "", fmt.Errorf("goodstate is needed to read %s, and is neither in %s nor on PATH; install it, then run goodstate hooks install", configName, strings.Join(tried, ", "))
	}
	return path, nil
}
