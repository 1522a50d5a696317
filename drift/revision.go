package drift

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// revision says which commit of the playbook counts: after a rollback the one of the known-good point that is in force, else the playbook as it is in its folder.
func (d *Drift) revision(ctx context.Context, conf Playbook) (source, error) {
	if d.KnownGood == nil || len(conf.Services) == 0 {
		return source{}, nil
	}
	point, ok, err := d.KnownGood.WentBack(ctx, conf.Services)
	if err != nil || !ok {
		return source{}, err
	}
	why := fmt.Sprintf("%s went back to its known-good point %s", point.Service, point.ID)
	dir := filepath.Dir(conf.File)
	if point.Commit != "" {
		if _, err := git(ctx, dir, "cat-file", "-e", point.Commit+"^{commit}"); err == nil {
			return source{point.Commit, why}, nil // service and playbook are in one repository
		}
	}
	// The playbook has a repository of its own: what was its newest commit when the point was marked is what the hosts were like.
	out, err := git(ctx, dir, "rev-list", "-1", "--first-parent", "--before="+point.At.UTC().Format(time.RFC3339), "HEAD")
	commit := strings.TrimSpace(out)
	if err != nil || commit == "" {
		return source{}, fmt.Errorf("%s, of %s, but the playbook %s has no commit from then: %w; keep the playbook in a Git repository, or take the service out of its services", why, point.At.Local().Format("2006-01-02 15:04"), conf.File, orNone(err))
	}
	return source{commit, why}, nil
}

func orNone(err error) error {
	if err == nil {
		return errors.New("its history begins later")
	}
	return err
}

// checkout lays the playbook's repository out at a commit, and points the play there. Inventories and keys stay those of now: which hosts there are is no matter of a release.
func (d *Drift) checkout(ctx context.Context, p *play, commit string) error {
	top, err := git(ctx, filepath.Dir(p.conf.File), "rev-parse", "--show-toplevel")
	if err != nil {
		return fmt.Errorf("repository of playbook %s: %w", p.name, err)
	}
	top = strings.TrimSpace(top)
	real, err := filepath.EvalSymlinks(p.conf.File)
	if err != nil {
		return fmt.Errorf("playbook %s: %w", p.name, err)
	}
	rel, err := filepath.Rel(top, real)
	if err != nil {
		return err
	}
	folder := filepath.Join(d.Data, "playbooks")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if p.remove, err = os.MkdirTemp(folder, "run-"); err != nil {
		return err
	}
	// The index is one of its own: that of the repository is somebody's work.
	index := filepath.Join(folder, filepath.Base(p.remove)+".index")
	defer os.Remove(index)
	for _, args := range [][]string{{"read-tree", commit}, {"checkout-index", "--all", "--force", "--prefix=" + p.remove + string(filepath.Separator)}} {
		if _, err := gitWith(ctx, top, []string{"GIT_INDEX_FILE=" + index}, args...); err != nil {
			return fmt.Errorf("lay out the playbook %s at %.12s: %w", p.name, commit, err)
		}
	}
	base, err := filepath.EvalSymlinks(d.Base)
	if err != nil {
		return err
	}
	p.root = p.remove
	if within, err := filepath.Rel(top, base); err == nil && filepath.IsLocal(within) {
		p.root = filepath.Join(p.remove, within)
	}
	p.conf.File = filepath.Join(p.remove, rel)
	if _, err := os.Stat(p.conf.File); err != nil {
		return fmt.Errorf("playbook %s is not in its repository at %.12s: %w", p.name, commit, err)
	}
	return nil
}

// sweepCheckouts removes what runs that were killed left behind.
func (d *Drift) sweepCheckouts() error {
	left, err := filepath.Glob(filepath.Join(d.Data, "playbooks", "run-*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range left {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// git runs one git command. Nothing of the caller's Git environment reaches it, no hook runs, and nobody is asked for a password.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	return gitWith(ctx, dir, nil, args...)
}

// gitWith is git with more in its environment.
func gitWith(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"}, args...)...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}
