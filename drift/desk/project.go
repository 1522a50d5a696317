package desk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/auth"
)

// Project is a Git repository of playbooks.
type Project struct {
	Name       string               `json:"name"`
	Repository string               `json:"repository" doc:"https, ssh, or an absolute folder"`
	Branch     string               `json:"branch,omitempty" doc:"branch or tag; empty: what the repository has checked out"`
	Local      bool                 `json:"local,omitempty" doc:"its playbooks may have tasks on the controller itself, and its inventories may be scripts"`
	Credential string               `json:"credential,omitempty" doc:"credential of the project whose key pulls by ssh; empty: the keys of goodstate's own account"`
	KnownHosts string               `json:"known_hosts,omitempty" doc:"host keys of its hosts and of its repository, as in known_hosts; empty: those of goodstate's own account"`
	Roles      map[string]auth.Role `json:"roles,omitempty" doc:"what people are in this project, where that is not what they are everywhere"`
	Commit     string               `json:"commit,omitempty" doc:"the commit that was pulled last"`
	Subject    string               `json:"subject,omitempty"`
	Pulled     time.Time            `json:"pulled,omitzero"`
}

func (p *Project) key() (kind, project, name string) { return kindProject, p.Name, p.Name }

func (p *Project) valid() error {
	if strings.HasPrefix(p.Branch, "-") || strings.ContainsAny(p.Branch, " :\n~^?*[\\") {
		return fmt.Errorf("branch %.80q is no name of a branch", p.Branch)
	}
	for name, role := range p.Roles {
		if _, err := auth.ParseRole(string(role)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return checkURL(p.Repository)
}

// Projects lists all.
func (d *Desk) Projects(ctx context.Context) ([]Project, error) {
	return list[Project](ctx, d, kindProject, "")
}

// Project reads one; a missing one is ErrNone.
func (d *Desk) Project(ctx context.Context, name string) (Project, error) {
	return find[Project](ctx, d, kindProject, name, name)
}

// PutProject adds or changes a project. What was pulled stays known only as long as the repository is the same.
func (d *Desk) PutProject(ctx context.Context, who string, p Project) error {
	p.Commit, p.Subject, p.Pulled = "", "", time.Time{}
	old, err := d.Project(ctx, p.Name)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err == nil && old.Repository == p.Repository && old.Branch == p.Branch {
		p.Commit, p.Subject, p.Pulled = old.Commit, old.Subject, old.Pulled
	}
	if p.Credential != "" {
		if _, err := d.Credential(ctx, p.Name, p.Credential); err != nil {
			return err
		}
	}
	if err := d.put(ctx, &p); err != nil {
		return err
	}
	return d.say(ctx, who, "project-changed", p.Name, "project "+p.Name+" is "+p.Repository)
}

// RemoveProject removes a project with all that is in it; its runs stay in the record.
func (d *Desk) RemoveProject(ctx context.Context, who, name string) error {
	if err := d.remove(ctx, kindProject, name, name); err != nil {
		return err
	}
	for _, q := range []string{"DELETE FROM desk_items WHERE project = ?", "DELETE FROM desk_secrets WHERE project = ?"} {
		if _, err := d.Store.DB().ExecContext(ctx, q, name); err != nil {
			return fault(err, "remove", kindProject, name)
		}
	}
	d.pulls.Lock()
	defer d.pulls.Unlock()
	if err := os.RemoveAll(filepath.Join(d.dir, name)); err != nil {
		return fmt.Errorf("remove project %s: %w", name, err)
	}
	return d.say(ctx, who, "project-removed", name, "project "+name+" is removed, with its credentials")
}

// The bounds of a project: more is no folder of playbooks, and would fill the disk.
const (
	mostBytes = 256 << 20
	mostFiles = 50_000
	pullTime  = 5 * time.Minute
)

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Pull fetches the newest commit of the project's branch and keeps it.
func (d *Desk) Pull(ctx context.Context, who, name string) (Project, error) {
	p, err := d.Project(ctx, name)
	if err != nil {
		return p, err
	}
	d.pulls.Lock()
	defer d.pulls.Unlock()
	ctx, stop := context.WithTimeout(ctx, pullTime)
	defer stop()
	clone := d.clone(name)
	if err := os.MkdirAll(clone, 0o700); err != nil {
		return p, fmt.Errorf("project %s: %w", name, err)
	}
	if _, err := git(ctx, clone, "init", "-q", "--bare"); err != nil {
		return p, fmt.Errorf("project %s: %w", name, err)
	}
	if err := d.fetch(ctx, p, clone); err != nil {
		return p, fmt.Errorf("pull project %s from %s: %w", name, p.Repository, err)
	}
	out, err := git(ctx, clone, "log", "-1", "--format=%H%n%s", "FETCH_HEAD")
	if err != nil {
		return p, fmt.Errorf("project %s: %w", name, err)
	}
	commit, subject, _ := strings.Cut(strings.TrimSpace(out), "\n")
	if err := bounded(ctx, clone, commit); err != nil {
		return p, fmt.Errorf("project %s: %w", name, err)
	}
	// A commit that is named is not collected, so that a run can use it later.
	if _, err := git(ctx, clone, "update-ref", "refs/pulled/"+commit, commit); err != nil {
		return p, fmt.Errorf("project %s: %w", name, err)
	}
	p.Commit, p.Subject, p.Pulled = commit, subject, time.Now()
	if err := d.put(ctx, &p); err != nil {
		return p, err
	}
	return p, d.say(ctx, who, "project-pulled", name, fmt.Sprintf("project %s is at %.12s: %s", name, commit, subject))
}

func orHead(branch string) string {
	if branch == "" {
		return "HEAD"
	}
	return branch
}

func (d *Desk) clone(name string) string { return filepath.Join(d.dir, name, "clone.git") }

// bounded looks at a commit's tree before anything of it is a file.
func bounded(ctx context.Context, clone, commit string) error {
	out, err := git(ctx, clone, "ls-tree", "-r", "-l", "-z", commit)
	if err != nil {
		return err
	}
	files, size := 0, int64(0)
	for entry := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		about, path, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if len(fields) < 4 {
			continue
		}
		if fields[0] == "120000" {
			target, err := git(ctx, clone, "cat-file", "blob", fields[2])
			if err != nil {
				return err
			}
			if !filepath.IsLocal(filepath.Join(filepath.Dir(path), target)) || filepath.IsAbs(target) {
				return fmt.Errorf("%q is a link to %.80q, outside of the project; remove it", path, target)
			}
		}
		n, _ := strconv.ParseInt(fields[3], 10, 64) // "-" for submodules, which are left out
		files, size = files+1, size+n
		if files > mostFiles || size > mostBytes {
			return fmt.Errorf("commit %.12s has more than %d files or %d MB; want a repository of playbooks", commit, mostFiles, mostBytes>>20)
		}
	}
	return nil
}

// checkout lays the files of a commit out in a folder of its own, which the caller removes.
func (d *Desk) checkout(ctx context.Context, name, commit string) (dir string, err error) {
	if !fullCommit.MatchString(commit) {
		return "", fmt.Errorf("project %s has no commit yet; pull it first: goodstate project pull %s", name, name)
	}
	d.pulls.Lock()
	defer d.pulls.Unlock()
	if err := bounded(ctx, d.clone(name), commit); err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp(filepath.Join(d.dir, name), "run-"); err != nil {
		return "", fmt.Errorf("project %s: %w", name, err)
	}
	files := filepath.Join(dir, "files")
	if err = os.Mkdir(files, 0o700); err == nil {
		_, err = git(ctx, d.clone(name), "--work-tree="+files, "-c", "core.bare=false", "restore", "--source="+commit, "--worktree", "--", ".")
	}
	if err == nil {
		err = linksStay(files)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("lay out project %s at %.12s: %w", name, commit, err), os.RemoveAll(dir))
	}
	return dir, nil
}

// sweep removes the checkouts of runs that were killed. No run is under way yet, and the data directory is this process's alone.
func (d *Desk) sweep() error {
	left, err := filepath.Glob(filepath.Join(d.dir, "*", "run-*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove the checkout of a run that was killed: %w", err)
		}
	}
	return nil
}

// linksStay refuses links that lead out of a folder, also over other links.
func linksStay(root string) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink == 0 {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		_, err = inside(root, rel) // one that leads nowhere is refused too: nobody can say where it would lead
		return err
	})
}

// Playbooks lists the files of the pulled commit that may be playbooks: YAML at the top and in playbooks/.
func (d *Desk) Playbooks(ctx context.Context, name string) ([]string, error) {
	p, err := d.Project(ctx, name)
	if err != nil || p.Commit == "" {
		return nil, err
	}
	out, err := git(ctx, d.clone(name), "ls-tree", "-r", "-z", "--name-only", p.Commit)
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", name, err)
	}
	var found []string
	for path := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		dir, ext := filepath.Dir(path), filepath.Ext(path)
		if (ext == ".yml" || ext == ".yaml") && (dir == "." || dir == "playbooks") {
			found = append(found, path)
		}
	}
	return found, nil
}

// inside returns a path below a root, and refuses what leads out of it, also by a link.
func inside(root, path string) (string, error) {
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("%.80q leads out of the project; want a path in it", path)
	}
	real, err := filepath.EvalSymlinks(filepath.Join(root, path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%.80q is not in the project: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return "", fmt.Errorf("%.80q: %w", path, err)
	}
	base, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(base, real); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%.80q leads out of the project; want a path in it", path)
	}
	return real, nil
}
