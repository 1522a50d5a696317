package client

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// Problems says what would keep the hooks of a plan from working in this repository, one line each.
func Problems(ctx context.Context, repo *Repo, stages []string, p *plan.Plan) ([]string, error) {
	var found []string
	for _, stage := range stages {
		starts, err := repo.starts(ctx, stage)
		if err != nil {
			return nil, err
		}
		if !starts {
			found = append(found, stage+": Git does not start it; goodstate hooks install")
		}
		for _, j := range p.Stages[stage].Jobs {
			if program := firstWord(j.Run); program != "" && !repo.runs(ctx, j, program) {
				found = append(found, fmt.Sprintf("%s: %s: there is no program %q on PATH; install it, or mend run in %s", stage, j.Name, program, configName))
			}
		}
	}
	i, err := repo.installed()
	if err != nil {
		return nil, err
	}
	for _, path := range []string{i.Hook, i.Goodstate} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			found = append(found, fmt.Sprintf("%s was there when the hooks were installed and is gone; goodstate hooks install", path))
		}
	}
	return found, nil
}

// starts is true when Git starts goodstate-hook at a stage.
func (repo *Repo) starts(ctx context.Context, stage string) (bool, error) {
	if out, err := repo.git(ctx, repo.Index, nil, "config", "--get", "hook.goodstate-"+stage+".event"); err == nil {
		return strings.TrimSpace(string(out)) == stage, nil
	}
	dir, err := repo.hooksDir(ctx, true)
	if err != nil {
		return false, err
	}
	content, err := os.ReadFile(filepath.Join(dir, stage))
	if err != nil {
		return false, nil
	}
	info, err := os.Stat(filepath.Join(dir, stage))
	return err == nil && isShim(content) && info.Mode().Perm()&0o100 != 0, err
}

// firstWord is the program that a command starts, where that is plain to see.
func firstWord(run string) string {
	words := strings.Fields(run)
	if len(words) == 0 || strings.ContainsAny(words[0], "={}$\"'`(!;&|") {
		return ""
	}
	return words[0]
}

func (repo *Repo) runs(ctx context.Context, j plan.Job, program string) bool {
	cmd := exec.CommandContext(ctx, "sh", "-c", `command -v -- "$1" >/dev/null`, "sh", program)
	cmd.Dir = filepath.Join(repo.Top, filepath.FromSlash(j.Dir))
	return cmd.Run() == nil
}

// PushOfHead is what Git would say to pre-push if HEAD were pushed to a branch that nobody has.
func PushOfHead(ctx context.Context, repo *Repo) ([]byte, error) {
	out, err := repo.git(ctx, repo.Index, nil, "rev-parse", "-q", "--verify", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("there is no commit to push yet: %w", err)
	}
	id := strings.TrimSpace(string(out))
	return fmt.Appendf(nil, "HEAD %s HEAD %s\n", id, strings.Repeat("0", len(id))), nil
}
