package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// pushed is one line of what Git tells pre-push (githooks(5)).
type pushed struct{ localRef, local, remoteRef, remote string }

// push judges what a push would bring to the other side: for each new tip the files that its new commits change, as the tip has them. Deletions bring nothing.
func (r *round) push(ctx context.Context) error {
	refs, err := parsePushed(r.call.Input)
	if err != nil {
		return err
	}
	remote := ""
	if len(r.call.Args) > 0 {
		remote = r.call.Args[0]
	}
	var seen []string
	for _, ref := range refs {
		if none(ref.local) {
			continue
		}
		tip, err := r.repo.git(ctx, r.repo.Index, nil, "rev-parse", "-q", "--verify", ref.local+"^{commit}")
		if err != nil {
			continue // a tag on something that is no commit
		}
		id := strings.TrimSpace(string(tip))
		if slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		if err := r.pushTip(ctx, remote, id, ref); err != nil {
			return err
		}
	}
	return nil
}

// parsePushed reads the lines "local-ref local-id remote-ref remote-id".
func parsePushed(input []byte) ([]pushed, error) {
	var refs []pushed
	for line := range strings.Lines(string(input)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 4 {
			return nil, fmt.Errorf("git push said %.120q, want two refs, each with its object", line)
		}
		refs = append(refs, pushed{words[0], words[1], words[2], words[3]})
	}
	return refs, nil
}

func (r *round) pushTip(ctx context.Context, remote, tip string, ref pushed) error {
	one := &round{repo: r.repo, call: r.call, stage: plan.Stage{Rules: r.stage.Rules, Jobs: slices.Clone(r.stage.Jobs)}, report: r.report, tip: tip, folders: r.folders, batch: r.batch, verdicts: r.verdicts, kept: r.kept, held: r.held, journal: r.journal, exports: map[bool]*export{}}
	known, err := r.repo.knownThere(ctx, remote, ref)
	if err == nil {
		err = one.judgeTip(ctx, known)
	}
	r.held, r.journal = one.held, one.journal // one lock and one folder for all tips
	for _, x := range one.exports {
		err = errors.Join(err, sweep(x.root), sweep(x.own))
	}
	return err
}

// judgeTip judges what the commits below a tip change, but for those that are known.
func (r *round) judgeTip(ctx context.Context, known []string) error {
	if err := r.findPushed(ctx, known); err != nil {
		return err
	}
	if len(r.scope.files) == 0 && len(r.scope.deleted) == 0 {
		return nil
	}
	head, err := r.repo.git(ctx, r.repo.Index, nil, "rev-parse", "-q", "--verify", "HEAD")
	if err != nil || strings.TrimSpace(string(head)) != r.tip {
		dirty := true // another commit than the one that is checked out
		r.dirty = &dirty
	}
	j, err := r.open(ctx)
	if err != nil {
		return err
	}
	r.index = r.repo.Index
	if r.dirty == nil {
		if _, err := r.differs(ctx); err != nil {
			return err
		}
	}
	if *r.dirty {
		r.index = j.path("index")
		if _, err := r.repo.git(ctx, r.index, nil, "read-tree", r.tip); err != nil {
			return fmt.Errorf("what is pushed: %w", err)
		}
		for i := range r.stage.Jobs {
			r.stage.Jobs[i].Whole = true // the work tree has other neighbours
		}
	}
	if r.call.Range {
		return r.judgeAlone(ctx)
	}
	return r.judge(ctx)
}

// findPushed lists the files that the new commits change. Where the other side has nothing that is known here, all files are new to it.
func (r *round) findPushed(ctx context.Context, known []string) error {
	tree, err := r.repo.treeOf(ctx, r.tip)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		for p, e := range tree {
			r.scope.files = append(r.scope.files, &file{path: p, mode: e.mode, oid: e.oid, size: -1})
		}
		sortFiles(r.scope.files)
		return nil
	}
	commits, err := r.repo.git(ctx, r.repo.Index, nil, append([]string{"rev-list", r.tip, "--not"}, known...)...)
	if err != nil {
		return err
	}
	out, err := r.repo.git(ctx, r.repo.Index, commits, "diff-tree", "--stdin", "-r", "-m", "--root", "--no-commit-id", "--raw", "-z", "--no-renames", "--no-abbrev")
	if err != nil {
		return err
	}
	steps, err := parseRaw(out)
	if err != nil {
		return err
	}
	r.scope = inTree(steps, tree)
	return nil
}

// inTree is what many changes come to in the end: each file once, as the tree has it. It is new when one of the changes made it.
func inTree(steps changes, tree map[string]listed) changes {
	var sum changes
	seen := map[string]*file{}
	for _, step := range steps.files {
		f := seen[step.path]
		if f == nil {
			e, ok := tree[step.path]
			if !ok {
				continue // made and taken away again
			}
			f = &file{path: step.path, mode: e.mode, old: step.old, oid: e.oid, size: -1}
			seen[step.path] = f
			sum.files = append(sum.files, f)
		}
		if step.old == 0 {
			f.old = 0
		}
	}
	slices.Sort(steps.deleted)
	for _, p := range slices.Compact(steps.deleted) {
		if _, still := tree[p]; !still {
			sum.deleted = append(sum.deleted, p)
		}
	}
	sortFiles(sum.files)
	return sum
}

// treeOf lists all files of a commit.
func (repo *Repo) treeOf(ctx context.Context, commit string) (map[string]listed, error) {
	out, err := repo.git(ctx, repo.Index, nil, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	all := map[string]listed{}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		if len(line) == 0 {
			continue
		}
		meta, name, ok := strings.Cut(string(line), "\t")
		words := strings.Fields(meta)
		if !ok || len(words) != 3 {
			return nil, fmt.Errorf("git ls-tree said %.80q, want mode, type, id and path", line)
		}
		m, err := mode(words[0])
		if err != nil {
			return nil, err
		}
		all[name] = listed{m, words[2]}
	}
	return all, nil
}
