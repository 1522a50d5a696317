package source

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/good"
)

// Reverted is a branch on which a release is taken back.
type Reverted struct {
	Repository string   `json:"repository"`
	Branch     string   `json:"branch"`
	Base       string   `json:"base"` // branch that it starts from
	Commit     string   `json:"commit"`
	Files      []string `json:"files"`
	Pushed     bool     `json:"pushed,omitempty"`
	Next       string   `json:"next"` // what a person does with it
}

// ConflictError says that a release cannot be taken back without a person: what came after it touched the same places.
type ConflictError struct {
	Version, Base string
	Files         []string
}

// Error names the files.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("taking %s back does not apply to %s: later commits changed the same places of %s; nothing was changed", e.Version, e.Base, strings.Join(e.Files, ", "))
}

// Revert makes a branch from the newest state of the branch that has the bad release, with one commit that takes back what is between the good release and
// the bad one. It works on Git's objects only: no checkout, no index and no branch that is there is touched. Of a repository on another machine the branch
// is made there, where push says so.
func (s *Source) Revert(ctx context.Context, old, bad good.Release, prefer, message string, push bool) (Reverted, error) {
	repo, err := s.repository(ctx)
	if err != nil {
		return Reverted{}, err
	}
	where, remote := s.Config.place(s.Base)
	out := Reverted{Repository: where, Branch: "goodstate/revert-" + branchName(bad.Version)}
	if remote && !push {
		return out, fmt.Errorf("%s is on another machine: --push makes the branch %s there", where, out.Branch)
	}
	if out.Base, err = base(ctx, repo, bad, prefer); err != nil {
		return out, err
	}
	tip, err := git(ctx, repo, "rev-parse", "--verify", "--end-of-options", "refs/heads/"+out.Base+"^{commit}")
	if err != nil {
		return out, err
	}
	tip = strings.TrimSpace(tip)
	tree, err := s.takenBack(ctx, repo, old, bad, out.Base, tip)
	if err != nil {
		return out, err
	}
	if out.Commit, err = commitTree(ctx, repo, tree, tip, message); err != nil {
		return out, err
	}
	names, err := git(ctx, repo, "diff-tree", "-r", "--name-only", "--no-commit-id", tip, out.Commit)
	if err != nil {
		return out, err
	}
	out.Files = strings.Split(strings.TrimSpace(names), "\n")
	return out, s.branch(ctx, repo, remote, &out)
}

// branch makes the branch, which must not be there yet.
func (s *Source) branch(ctx context.Context, repo string, remote bool, r *Reverted) error {
	ref := "refs/heads/" + r.Branch
	if remote {
		if _, err := git(ctx, repo, "-c", "remote.origin.mirror=false", "push", "--quiet", "--force-with-lease="+ref+":", "origin", r.Commit+":"+ref); err != nil {
			return fmt.Errorf("make the branch %s in %s: %w", r.Branch, r.Repository, err)
		}
		r.Pushed, r.Next = true, fmt.Sprintf("open a pull request of %s into %s", r.Branch, r.Base)
		return nil
	}
	if _, err := git(ctx, repo, "update-ref", "-m", "goodstate: revert", ref, r.Commit, strings.Repeat("0", len(r.Commit))); err != nil {
		return fmt.Errorf("the branch %s cannot be made, is it there already? git branch -D %s removes it: %w", r.Branch, r.Branch, err)
	}
	r.Next = fmt.Sprintf("git diff %s...%s shows it, git merge %s takes it", r.Base, r.Branch, r.Branch)
	return nil
}

// takenBack is the tree of the branch without what the bad release brought. The change from the bad release to the old one is merged into the branch as if it
// had been made on the bad release.
func (s *Source) takenBack(ctx context.Context, repo string, old, bad good.Release, branch, tip string) (string, error) {
	back, err := commitTree(ctx, repo, old.Commit+"^{tree}", bad.Commit, "back")
	if err != nil {
		return "", err
	}
	text, err := git(ctx, repo, "merge-tree", "--write-tree", "--name-only", "--no-messages", tip, back)
	var exit *exec.ExitError
	lines := strings.Split(strings.TrimSpace(text), "\n")
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 1 && len(lines) > 1:
		return "", &ConflictError{bad.Version, branch, slices.Compact(lines[1:])}
	case err != nil:
		return "", fmt.Errorf("take %s back on %s (this needs Git 2.38 or newer): %w", bad.Version, branch, err)
	}
	was, err := git(ctx, repo, "rev-parse", tip+"^{tree}")
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(was) == lines[0] {
		return "", fmt.Errorf("%s has nothing of %s any more: it was taken back already", branch, bad.Version)
	}
	return lines[0], nil
}

// base is the branch to start from: the preferred one, or one that has the bad release.
func base(ctx context.Context, repo string, bad good.Release, prefer string) (string, error) {
	text, err := git(ctx, repo, "for-each-ref", "--contains", bad.Commit, "--format=%(refname:short)", "refs/heads")
	if err != nil {
		return "", fmt.Errorf("branches that have %s: %w", bad.Version, err)
	}
	all := slices.DeleteFunc(strings.Fields(text), func(b string) bool { return strings.HasPrefix(b, "goodstate/") })
	if head, err := git(ctx, repo, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		prefer = prefer + " " + strings.TrimSpace(head)
	}
	for _, b := range append(strings.Fields(prefer), "main", "master") {
		if slices.Contains(all, b) {
			return b, nil
		}
	}
	if len(all) == 0 {
		return "", fmt.Errorf("no branch of %s has %s, so there is nothing to take it out of", repo, bad.Version)
	}
	return all[0], nil
}

// commitTree makes a commit of a tree. Where Git does not know who the user is, it is goodstate.
func commitTree(ctx context.Context, repo, tree, parent, message string) (string, error) {
	args := []string{"commit-tree", tree, "-p", parent, "-m", message}
	if _, err := git(ctx, repo, "var", "GIT_COMMITTER_IDENT"); err != nil {
		args = append([]string{"-c", "user.name=goodstate", "-c", "user.email=goodstate@localhost"}, args...)
	}
	out, err := git(ctx, repo, args...)
	return strings.TrimSpace(out), err
}

// branchName is a version as a part of a branch's name.
func branchName(version string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, version)
	return strings.Trim(name, "-")
}
