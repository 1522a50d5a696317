package server

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

const folder rule.Mode = 0o040000

// tree judges a tip as a whole, by the rules that compare files with each other.
func (j *judging) tree(ctx context.Context, tip, branch string, bases []string) error {
	var uses []Use
	for _, u := range j.policy.Rules {
		if u.change != nil {
			uses = append(uses, u)
		}
	}
	if len(uses) == 0 {
		return nil
	}
	changed, err := j.changed(ctx, tip, bases)
	if err != nil {
		return err
	}
	var modes map[string]rule.Mode
	all := func() (map[string]rule.Mode, error) {
		if modes == nil {
			if modes, err = j.repo.modes(ctx, tip); err != nil {
				return nil, err
			}
		}
		return modes, nil
	}
	for _, u := range uses {
		c := &rule.Change{Branch: branch}
		for _, e := range changed {
			if !u.Matches(e.Path) {
				continue
			}
			c.Files = append(c.Files, &rule.File{Path: e.Path, Mode: e.Mode, Old: e.Old, Content: func() ([]byte, error) {
				if e.Mode == rule.Submodule {
					return nil, nil
				}
				return j.blobs.read(e.Blob)
			}})
		}
		c.Tree = func(path string) (rule.Mode, error) {
			modes, err := all()
			return modes[path], err
		}
		c.Paths = func() ([]string, error) {
			modes, err := all()
			if err != nil {
				return nil, err
			}
			paths := make([]string, 0, len(modes))
			for p, m := range modes {
				if m != folder {
					paths = append(paths, p)
				}
			}
			return paths, nil
		}
		findings, err := u.change.CheckChange(c)
		if err != nil {
			return fmt.Errorf("commit %.10s: %w", tip, err)
		}
		for _, f := range findings {
			j.out.add(Finding{Finding: f, Commit: tip, Subject: "the newest commit"})
		}
	}
	return nil
}

// changed lists what the pushed commits below a tip change, as the tip has it.
func (j *judging) changed(ctx context.Context, tip string, bases []string) ([]Entry, error) {
	now, err := j.repo.entries(ctx, tip)
	if err != nil {
		return nil, err
	}
	var out []Entry
	added := map[string]bool{}
	for c, err := range j.repo.walk(ctx, []string{tip}, bases, false) {
		if err != nil {
			return nil, err
		}
		for _, e := range c.Changes {
			if is, there := now[e.Path]; there && !added[e.Path] {
				added[e.Path] = true
				e.Mode, e.Blob = is.Mode, is.Blob
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// entries are all files of a commit by path.
func (r Repository) entries(ctx context.Context, commit string) (map[string]Entry, error) {
	out, err := r.run(ctx, nil, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	all := map[string]Entry{}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		head, name, ok := strings.Cut(string(line), "\t")
		fields := strings.Fields(head)
		if !ok || len(fields) != 3 {
			if len(line) == 0 {
				continue // an empty tree
			}
			return nil, fmt.Errorf("git ls-tree said %.200q, want mode, kind, id and path", line)
		}
		mode, err := strconv.ParseUint(fields[0], 8, 32)
		if err != nil {
			return nil, fmt.Errorf("git ls-tree said %.200q: %w", line, err)
		}
		all[name] = Entry{Path: name, Mode: rule.Mode(mode), Blob: fields[2]}
	}
	return all, nil
}

// modes are the modes of all files and folders of a commit.
func (r Repository) modes(ctx context.Context, commit string) (map[string]rule.Mode, error) {
	entries, err := r.entries(ctx, commit)
	if err != nil {
		return nil, err
	}
	modes := make(map[string]rule.Mode, len(entries))
	for p, e := range entries {
		modes[p] = e.Mode
		for dir := path.Dir(p); dir != "." && modes[dir] == 0; dir = path.Dir(dir) {
			modes[dir] = folder
		}
	}
	return modes, nil
}
