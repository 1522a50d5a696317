package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// hasConfigHooks is true for Git 2.54 and newer, which run what hook.NAME.command says at hook.NAME.event (git-hook(1)).
func (repo *Repo) hasConfigHooks(ctx context.Context) (bool, error) {
	out, err := repo.git(ctx, repo.Index, nil, "version")
	if err != nil {
		return false, err
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "git version %d.%d", &major, &minor); err != nil {
		return false, fmt.Errorf("git version said %q: %w", out, err)
	}
	return major > 2 || major == 2 && minor >= 54, nil
}

// configCommand is the command for Git's configuration; Git's shell adds the arguments at its end.
func configCommand(hook, stage string) string { return finds(hook) + `"$hook" ` + stage + " --" }

func (repo *Repo) installConfig(ctx context.Context, hook string, stages []string) (Installed, error) {
	done := Installed{Where: "Git's configuration of this repository"}
	if dir, err := repo.hooksDir(ctx, false); err == nil { // shims of an older Git would start the hooks a second time
		for _, stage := range Stages {
			if _, err := uninstallShim(dir, stage); err != nil {
				return done, err
			}
		}
	}
	for _, stage := range stages {
		section := "hook.goodstate-" + stage
		for _, set := range [][2]string{{".event", stage}, {".command", configCommand(hook, stage)}} {
			if _, err := repo.git(ctx, repo.Index, nil, "config", "--local", "--replace-all", section+set[0], set[1]); err != nil {
				return done, err
			}
		}
		done.Done = append(done.Done, stage+": installed as "+section)
	}
	return done, nil
}

// removeConfig takes our hooks out of Git's configuration and names their sections.
func (repo *Repo) removeConfig(ctx context.Context) ([]string, error) {
	out, err := repo.git(ctx, repo.Index, nil, "config", "--local", "--name-only", "-z", "--get-regexp", `^hook\.goodstate-.*\.event$`)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil, nil // there is none
	}
	if err != nil {
		return nil, err
	}
	var sections []string
	for name := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		section := strings.TrimSuffix(string(name), ".event")
		if _, err := repo.git(ctx, repo.Index, nil, "config", "--local", "--remove-section", section); err != nil {
			return sections, err
		}
		sections = append(sections, section)
	}
	return sections, nil
}
