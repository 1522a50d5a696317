package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/verdict"
)

// Judgement is what came of looking at a push. Only one without findings may land.
type Judgement struct {
	Commits  int       `json:"commits"`
	Files    int       `json:"files"`
	Known    int       `json:"known,omitempty"` // of them, files that nobody had to look at again
	Findings []Finding `json:"findings,omitempty"`
	Further  int       `json:"further_findings,omitempty"` // counted, and not kept
	Forgot   error     `json:"-"`                          // why good verdicts could not be kept; they are found again
}

const (
	keptFindings = 200     // more are counted only, so that a push cannot fill the memory
	keptSeen     = 200_000 // contents that are known to be good; beyond, they are forgotten and judged again
	batched      = 1024    // contents asked for at once
)

// Good is true when nothing was found.
func (j *Judgement) Good() bool { return len(j.Findings) == 0 }

func (j *Judgement) add(f Finding) {
	if len(j.Findings) >= keptFindings {
		j.Further++
		return
	}
	j.Findings = append(j.Findings, f)
}

// judging is one judgement under way.
type judging struct {
	repo    Repository
	policy  *Policy
	blobs   *blobs
	old     *blobs // for contents before the change, which few rules want
	out     *Judgement
	seen    map[verdict.Key]struct{}
	panels  map[string]verdict.Judge
	waiting []waiting
}

// waiting is a changed file whose content has still to be asked for.
type waiting struct {
	commit Commit
	entry  Entry
	thing  verdict.Thing
	panel  verdict.Judge
	uses   []Use
}

// Judge looks at everything that a push brings. An error means that it could not be judged, which is no reason to let it in.
func (p *Policy) Judge(ctx context.Context, repo Repository, updates []Update, who string) (*Judgement, error) {
	out := &Judgement{}
	tips, err := p.refs(ctx, repo, updates, who, out)
	if err != nil || len(tips) == 0 {
		return out, err
	}
	return out, p.judge(ctx, repo, tips, nil, out)
}

// JudgeRange looks at the commits that can be reached from one commit and not from the others, for CI.
func (p *Policy) JudgeRange(ctx context.Context, repo Repository, from []string, to string) (*Judgement, error) {
	out := &Judgement{}
	if from == nil {
		from = []string{}
	}
	return out, p.judge(ctx, repo, map[string]string{to: ""}, from, out)
}

// judge walks the commits; tips are commits with the branch that each goes to.
func (p *Policy) judge(ctx context.Context, repo Repository, tips map[string]string, bases []string, out *Judgement) (err error) {
	j := &judging{repo: repo, policy: p, out: out, seen: map[verdict.Key]struct{}{}, panels: map[string]verdict.Judge{}}
	if j.blobs, err = repo.blobs(ctx); err != nil {
		return err
	}
	defer func() {
		if j.old != nil {
			err = errors.Join(err, j.old.close())
		}
		if cerr := j.blobs.close(); err == nil {
			err = cerr
		}
	}()
	for c, err := range repo.walk(ctx, slices.Sorted(maps.Keys(tips)), bases, p.Signed) {
		if err != nil {
			return err
		}
		if err := j.commit(ctx, c); err != nil {
			return err
		}
	}
	if err := j.flush(ctx); err != nil {
		return err
	}
	if p.Verdicts != nil {
		out.Forgot = p.Verdicts.Flush()
	}
	for tip, branch := range tips {
		if err := j.tree(ctx, tip, branch, bases); err != nil {
			return err
		}
	}
	return nil
}

// commit judges what a commit says of itself, and remembers which contents have to be looked at.
func (j *judging) commit(ctx context.Context, c Commit) error {
	j.out.Commits++
	found := func(name, format string, values ...any) {
		j.out.add(Finding{Finding: rule.Finding{Rule: name, Message: fmt.Sprintf(format, values...)}, Commit: c.ID, Subject: c.Subject()})
	}
	for _, judge := range j.policy.Messages {
		for _, f := range judge(c.Message) {
			j.out.add(Finding{Finding: f, Commit: c.ID, Subject: c.Subject()})
		}
	}
	for _, a := range []struct{ who, address string }{{"author", c.Author}, {"committer", c.Committer}} {
		for _, globs := range j.policy.Emails {
			if !acceptable(globs, a.address) {
				found("emails", "the %s's address is %q, want one that matches %v; set it with git config user.email", a.who, printable(a.address), globs)
			}
		}
	}
	if j.policy.Signed && c.Signature != "G" {
		found("signatures", "%s; sign it with git commit -S by a key that the server knows", unsigned(c.Signature))
	}
	for _, e := range c.Changes {
		j.out.Files++
		f := &rule.File{Path: e.Path, Mode: e.Mode, Old: e.Old}
		uses := j.uses(f)
		if len(uses) == 0 {
			continue
		}
		w := waiting{commit: Commit{ID: c.ID, Message: c.Subject()}, entry: e, thing: verdict.FileOf(e.Path, uint32(e.Mode), uint32(e.Old), e.Blob), panel: j.panel(uses), uses: uses}
		if j.known(w) {
			j.out.Known++
			continue
		}
		if e.Mode == rule.Submodule { // its commit is elsewhere: only its name and kind can be judged
			f.Content = func() ([]byte, error) { return nil, nil }
			if err := j.check(ctx, w, f); err != nil {
				return err
			}
			continue
		}
		if _, known := j.seen[w.thing.Short()]; known {
			continue
		}
		if len(j.seen) >= keptSeen {
			clear(j.seen)
		}
		j.seen[w.thing.Short()] = struct{}{}
		j.waiting = append(j.waiting, w)
	}
	if len(j.waiting) >= batched {
		return j.flush(ctx)
	}
	return nil
}

// uses are the rules that may want the file, as far as its name and mode tell.
func (j *judging) uses(f *rule.File) []Use {
	var out []Use
	for _, u := range j.policy.Rules {
		if u.file != nil && u.Matches(f.Path) {
			out = append(out, u)
		}
	}
	return out
}

// flush asks for the contents that are waited for, and judges them.
func (j *judging) flush(ctx context.Context) error {
	all := j.waiting
	j.waiting = j.waiting[:0]
	ids := make([]string, len(all))
	for i, w := range all {
		ids[i] = w.entry.Blob
	}
	file := func(w waiting, size int64) *rule.File {
		return &rule.File{Path: w.entry.Path, Mode: w.entry.Mode, Old: w.entry.Old, Size: size}
	}
	if len(ids) == 0 {
		return nil
	}
	return j.blobs.each(ids, func(i int, size int64) bool {
		f := file(all[i], size)
		return slices.ContainsFunc(all[i].uses, func(u Use) bool { return u.file.Wants(f) })
	}, func(i int, size int64, content []byte) error {
		f := file(all[i], size)
		f.Content = func() ([]byte, error) {
			if content == nil {
				return nil, fmt.Errorf("%q has %d bytes, and at most %d are read", f.Path, size, rule.Largest)
			}
			return content, nil
		}
		return j.check(ctx, all[i], f)
	})
}

// commitRule is a rule that accepts some things in some commits only.
type commitRule interface {
	CheckCommit(f *rule.File, commit string) ([]rule.Finding, error)
}

// check lets the rules judge one file.
func (j *judging) check(ctx context.Context, w waiting, f *rule.File) error {
	if w.entry.OldBlob != "" && w.entry.Old != rule.Submodule {
		f.OldContent = func() ([]byte, error) { return j.before(ctx, w.entry.OldBlob) }
	}
	head := func() []byte {
		content, err := f.Content()
		if err != nil {
			return nil
		}
		return content[:min(len(content), 512)]
	}
	clean := true
	for _, u := range w.uses {
		if !u.file.Wants(f) || len(u.Types) > 0 && !u.Chooses(f.Path, f.Mode, head) {
			continue
		}
		findings, err := u.file.Check(f)
		if err != nil {
			return fmt.Errorf("commit %.10s: %w", w.commit.ID, err)
		}
		if len(findings) == 0 {
			continue
		}
		clean = false
		if c, ok := u.file.(commitRule); ok {
			if findings, err = c.CheckCommit(f, w.commit.ID); err != nil {
				return fmt.Errorf("commit %.10s: %w", w.commit.ID, err)
			}
		}
		for _, found := range findings {
			j.out.add(Finding{Finding: found, Commit: w.commit.ID, Subject: w.commit.Subject()})
		}
	}
	if clean {
		j.accept(w)
	}
	return nil
}

func (j *judging) before(ctx context.Context, blob string) ([]byte, error) {
	if j.old == nil {
		b, err := j.repo.blobs(ctx)
		if err != nil {
			return nil, err
		}
		j.old = b
	}
	return j.old.read(blob)
}

func acceptable(globs []string, address string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(g string) bool { return plan.Match(g, address) })
}

// unsigned says what Git thinks of a signature (git-log(1), %G?).
func unsigned(status string) string {
	switch status {
	case "B":
		return "its signature is bad"
	case "U":
		return "its signature is by a key that is not trusted"
	case "X", "Y":
		return "its signature or the key has expired"
	case "R":
		return "its signature is by a key that was revoked"
	case "E":
		return "its signature cannot be checked: the key is missing"
	default:
		return "it has no signature"
	}
}
