package module

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func init() {
	register(Kind{
		Name:    "git",
		Help:    "A repository is checked out at a version",
		Example: "git: {repo: 'https://example.com/app.git', dest: /srv/app, version: v1.2}",
		Options: []Option{
			{Name: "dest", Type: Path},
			{Name: "repo", Required: true, Aliases: []string{"name"}},
			{Name: "version", Default: "HEAD"},
			{Name: "remote", Default: "origin"},
			{Name: "refspec"},
			{Name: "reference"},
			{Name: "force", Type: Bool, Default: false},
			{Name: "depth", Type: Int},
			{Name: "clone", Type: Bool, Default: true},
			{Name: "update", Type: Bool, Default: true},
			{Name: "verify_commit", Type: Bool, Default: false},
			{Name: "gpg_whitelist", Type: List, Elements: Str, Default: []any{}},
			{Name: "accept_hostkey", Type: Bool, Default: false},
			{Name: "accept_newhostkey", Type: Bool, Default: false},
			{Name: "key_file", Type: Path},
			{Name: "ssh_opts"},
			{Name: "executable", Type: Path},
			{Name: "bare", Type: Bool, Default: false},
			{Name: "recursive", Type: Bool, Default: true},
			{Name: "single_branch", Type: Bool, Default: false},
			{Name: "track_submodules", Type: Bool, Default: false},
			{Name: "umask", Type: Raw},
			{Name: "archive", Type: Path},
			{Name: "archive_prefix"},
			{Name: "separate_git_dir", Type: Path},
		},
		MutuallyExclusive: [][]string{{"separate_git_dir", "bare"}, {"accept_hostkey", "accept_newhostkey"}},
		RequiredBy:        map[string][]string{"archive_prefix": {"archive"}},
		Check:             CheckFull,
		Diff:              true,
		Plan:              planGit,
	})
}

// clone is one checkout.
type clone struct {
	*Task
	repo, dest, version, remote string
	before                      string // commit; empty when there is none
	env                         []string
}

func planGit(ctx context.Context, t *Task) error {
	for _, option := range []string{"archive", "separate_git_dir", "gpg_whitelist"} {
		if t.Has(option) && t.Str(option) != "" || option == "gpg_whitelist" && len(t.Strs(option)) > 0 {
			return notNative("git with %s", option)
		}
	}
	if t.Bool("verify_commit") || t.Bool("track_submodules") || t.args["umask"] != nil {
		return notNative("git with verify_commit, track_submodules or umask")
	}
	if !t.Has("dest") && t.Bool("clone") {
		return fail("the destination directory must be specified unless clone=no")
	}
	c := &clone{Task: t, repo: t.Str("repo"), dest: t.abs(t.Str("dest")), version: t.Str("version"), remote: t.Str("remote")}
	if err := t.need("git"); err != nil {
		return err
	}
	if isDir(c.repo) || strings.HasPrefix(c.repo, "file://") { // the same folder, however it is written
		c.repo = strings.TrimRight(c.repo, "/")
	}
	c.environment()
	t.Return("before", nil)
	gitDir := filepath.Join(c.dest, ".git")
	if t.Bool("bare") {
		gitDir = c.dest
	}
	if !exists(filepath.Join(gitDir, "config")) && !exists(gitDir) || t.Bool("bare") && !exists(filepath.Join(gitDir, "HEAD")) {
		return c.fresh(ctx)
	}
	return c.existing(ctx)
}

// environment makes ssh use the key and the options of the task.
func (c *clone) environment() {
	ssh := "ssh"
	if key := c.Str("key_file"); key != "" {
		ssh += " -i " + quoteWord(key) + " -o IdentitiesOnly=yes"
	}
	if c.Bool("accept_hostkey") {
		ssh += " -o StrictHostKeyChecking=no"
	} else if c.Bool("accept_newhostkey") {
		ssh += " -o StrictHostKeyChecking=accept-new"
	}
	if o := c.Str("ssh_opts"); o != "" {
		ssh += " " + o
	}
	c.env = append([]string{"GIT_TERMINAL_PROMPT=0"}, cLocale...)
	if ssh != "ssh" {
		c.env = append(c.env, "GIT_SSH_COMMAND="+ssh+" -o BatchMode=yes")
	}
}

func (c *clone) git(ctx context.Context, dir string, args ...string) (output, error) {
	name := "git"
	if exe := c.Str("executable"); exe != "" {
		name = exe
	}
	// The checkout belongs to whom the task says, and was named by the playbook.
	if dir != "" {
		args = append([]string{"-c", "safe.directory=" + dir}, args...)
	}
	return c.run(ctx, program{args: append([]string{name}, args...), dir: dir, env: c.env})
}

var isCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// fresh plans a clone.
func (c *clone) fresh(ctx context.Context) error {
	if !c.Check && c.Bool("clone") {
		c.Change(c.cloneIt)
		c.After(c.tell)
		return nil
	}
	commit, err := c.remoteCommit(ctx, c.repo)
	if err != nil {
		return err
	}
	c.Change(nil)
	c.Return("after", commit)
	c.gitDiff("", commit)
	return nil
}

func (c *clone) cloneIt(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(c.dest), 0o777); err != nil {
		return err
	}
	args := []string{"clone"}
	if c.Bool("bare") {
		args = append(args, "--bare")
	} else {
		args = append(args, "--origin", c.remote)
	}
	branch := !isCommit.MatchString(c.version)
	if c.Int("depth") > 0 && branch {
		args = append(args, "--depth", fmt.Sprint(c.Int("depth")))
	}
	if c.Bool("single_branch") {
		args = append(args, "--single-branch")
	}
	if c.version != "HEAD" && branch {
		args = append(args, "--branch", c.version)
	}
	if ref := c.Str("reference"); ref != "" {
		args = append(args, "--reference", ref)
	}
	args = append(args, "--", c.repo, c.dest)
	out, err := c.git(ctx, "", args...)
	if err != nil {
		return err
	}
	if out.rc != 0 {
		return fail(strings.TrimSpace(out.stderr), Result{"cmd": "git " + quoteWords(args), "rc": int64(out.rc), "stdout": out.stdout, "stderr": out.stderr})
	}
	if spec := c.Str("refspec"); spec != "" {
		if err := c.fetch(ctx, spec); err != nil {
			return err
		}
	}
	if !branch && !c.Bool("bare") {
		return c.checkout(ctx)
	}
	return c.submodules(ctx)
}

func (c *clone) must(ctx context.Context, what string, args ...string) (string, error) {
	out, err := c.git(ctx, c.dest, args...)
	if err != nil {
		return "", err
	}
	if out.rc != 0 {
		return "", fail(fmt.Sprintf(what, strings.TrimSpace(out.stderr)), Result{"rc": int64(out.rc), "stdout": out.stdout, "stderr": out.stderr})
	}
	return strings.TrimSpace(out.stdout), nil
}

func (c *clone) fetch(ctx context.Context, specs ...string) error {
	args := []string{"fetch", "--tags", "--force"}
	if c.Int("depth") > 0 {
		args = append(args, "--depth", fmt.Sprint(c.Int("depth")))
	}
	_, err := c.must(ctx, "Failed to download remote objects and refs:  %s", append(append(args, c.remote), specs...)...)
	return err
}

// existing plans to bring a checkout to the version.
func (c *clone) existing(ctx context.Context) error {
	before, err := c.must(ctx, "%s", "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	c.before = before
	c.Return("before", before)
	if !c.Bool("update") {
		c.Return("after", before)
		return nil
	}
	if err := c.local(ctx); err != nil {
		return err
	}
	c.Return("remote_url_changed", false)
	address, err := c.must(ctx, "%s", "config", "--get", "remote."+c.remote+".url")
	moved := err == nil && strings.TrimRight(address, "/") != c.repo
	if moved {
		c.Return("remote_url_changed", true)
	}
	commit, err := c.remoteCommit(ctx, c.repo)
	if err != nil {
		return err
	}
	if commit == before && !moved {
		c.Return("after", before)
		return nil
	}
	c.gitDiff(before, commit)
	if c.Check {
		c.Change(nil)
		c.Return("after", commit)
		return nil
	}
	c.Change(func(ctx context.Context) error { return c.updateIt(ctx, moved) })
	c.After(c.tell)
	return nil
}

// local looks for changes that a checkout would lose.
func (c *clone) local(ctx context.Context) error {
	if c.Bool("bare") {
		return nil
	}
	said, err := c.must(ctx, "%s", "--no-optional-locks", "status", "--porcelain")
	if err != nil {
		return err
	}
	modified := false
	for line := range strings.SplitSeq(said, "\n") {
		modified = modified || line != "" && !strings.HasPrefix(line, "??")
	}
	if !modified {
		return nil
	}
	if !c.Bool("force") {
		return fail("Local modifications exist in the destination: "+c.dest+" (force=no).", Result{"before": c.before, "changed": false})
	}
	c.Change(func(ctx context.Context) error {
		_, err := c.must(ctx, "Failed to reset: %s", "reset", "--hard", "HEAD")
		return err
	})
	return nil
}

func (c *clone) updateIt(ctx context.Context, moved bool) error {
	if moved {
		if _, err := c.must(ctx, "Failed to set a new url %s", "remote", "set-url", c.remote, c.repo); err != nil {
			return err
		}
	}
	var specs []string
	if spec := c.Str("refspec"); spec != "" {
		specs = append(specs, spec)
	}
	if c.Bool("bare") {
		specs = append(specs, "+refs/heads/*:refs/heads/*")
	}
	if err := c.fetch(ctx, specs...); err != nil {
		return err
	}
	if c.Bool("bare") {
		return nil
	}
	return c.checkout(ctx)
}

// checkout brings the work tree to the version: a branch follows the one of the remote, a tag or a commit stands by itself.
func (c *clone) checkout(ctx context.Context) error {
	version := c.version
	if version == "HEAD" {
		head, err := c.must(ctx, "%s", "symbolic-ref", "--short", "refs/remotes/"+c.remote+"/HEAD")
		if err != nil {
			return err
		}
		version = strings.TrimPrefix(head, c.remote+"/")
	}
	remote := "refs/remotes/" + c.remote + "/" + version
	if out, err := c.git(ctx, c.dest, "rev-parse", "--verify", "--quiet", remote); err == nil && out.rc == 0 {
		if _, err := c.must(ctx, "Failed to checkout branch "+version+": %s", "checkout", "--force", "-B", version, "--track", c.remote+"/"+version); err != nil {
			return err
		}
		return c.submodules(ctx)
	}
	if isCommit.MatchString(version) {
		if out, err := c.git(ctx, c.dest, "cat-file", "-e", version); err != nil || out.rc != 0 {
			if err := c.fetch(ctx, version); err != nil {
				return err
			}
		}
	}
	if _, err := c.must(ctx, "Failed to checkout "+version+": %s", "checkout", "--force", version); err != nil {
		return err
	}
	return c.submodules(ctx)
}

func (c *clone) submodules(ctx context.Context) error {
	if !c.Bool("recursive") || !exists(filepath.Join(c.dest, ".gitmodules")) {
		return nil
	}
	_, err := c.must(ctx, "Failed to init/update submodules: %s", "submodule", "update", "--init", "--recursive")
	return err
}

// remoteCommit asks the remote which commit the version is.
func (c *clone) remoteCommit(ctx context.Context, repo string) (string, error) {
	if isCommit.MatchString(c.version) {
		return c.version, nil
	}
	names := []string{"HEAD"}
	if c.version != "HEAD" {
		names = []string{"refs/heads/" + c.version, "refs/tags/" + c.version + "^{}", "refs/tags/" + c.version, c.version}
	}
	out, err := c.git(ctx, "", append([]string{"ls-remote", "--", repo}, names...)...)
	if err != nil {
		return "", err
	}
	if out.rc != 0 {
		return "", fail(strings.TrimSpace(out.stderr), Result{"rc": int64(out.rc), "stdout": out.stdout, "stderr": out.stderr})
	}
	refs := map[string]string{}
	for line := range strings.SplitSeq(out.stdout, "\n") {
		if hash, name, ok := strings.Cut(line, "\t"); ok {
			refs[name] = hash
		}
	}
	for _, name := range names {
		if refs[name] != "" {
			return refs[name], nil
		}
	}
	return "", fail(fmt.Sprintf("Could not determine remote revision for %s", c.version))
}

func (c *clone) tell(ctx context.Context) error {
	after, err := c.must(ctx, "%s", "rev-parse", "HEAD")
	c.Return("after", after)
	if after != c.before {
		c.gitDiff(c.before, after)
	}
	return err
}

// gitDiff says which commits are between.
func (c *clone) gitDiff(before, after string) {
	if c.Call.Diff {
		c.diffs = []any{map[string]any{"before": before + "\n", "after": after + "\n"}}
		if before == "" {
			c.diffs = []any{map[string]any{"prepared": ">> Newly checked out " + after}}
		}
	}
}
