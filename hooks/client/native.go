package client

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/verdict"
)

// native is a rule of this program, ready to run.
type native struct {
	plan.Rule
	file   rule.FileRule
	change rule.ChangeRule
	judge  verdict.Judge
	fixer  rule.Fixer // nil where the configuration does not want repairs
}

func build(rules []plan.Rule) ([]native, error) {
	all := make([]native, 0, len(rules))
	for _, p := range rules {
		built, err := p.Build()
		if err != nil {
			return nil, err
		}
		n := native{Rule: p, judge: p.Judge(built)}
		n.file, _ = built.(rule.FileRule)
		n.change, _ = built.(rule.ChangeRule)
		if p.Fix {
			n.fixer, _ = built.(rule.Fixer)
		}
		all = append(all, n)
	}
	return all, nil
}

// native looks at every file once: how it stands on disk, what the rules repair, and, unless jobs repair as well, what they find. A file whose bytes are on
// disk is judged with the bytes that were just read.
func (r *round) native(ctx context.Context, rules []native, check bool) error {
	var mu sync.Mutex
	var fixed []repaired
	one := func(f *file, content []byte) error {
		better, findings, err := r.judgeFile(f, rules, content, r.call.Stage == "pre-commit", check)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if better != nil {
			fixed = append(fixed, repaired{f, better})
		}
		r.report.Findings = append(r.report.Findings, findings...)
		return nil
	}
	if r.tip != "" {
		for _, f := range r.scope.files {
			f.disk = other // what is pushed is not what is in the work tree, unless somebody finds that it is
		}
	} else if err := r.look(ctx, r.scope.files, one); err != nil {
		return err
	}
	for _, f := range r.scope.files {
		if f.disk == same && f.mode != rule.Submodule {
			continue
		}
		if err := one(f, nil); err != nil {
			return err
		}
	}
	return r.repairNatively(ctx, fixed)
}

// repaired is the content that rules made of a file.
type repaired struct {
	f       *file
	content []byte
}

func (r *round) repairNatively(ctx context.Context, fixed []repaired) error {
	slices.SortFunc(fixed, func(a, b repaired) int { return cmp.Compare(a.f.path, b.f.path) })
	contents := make([][]byte, len(fixed))
	for i, f := range fixed {
		contents[i] = f.content
	}
	ids, err := r.store(ctx, contents)
	if err != nil {
		return err
	}
	repairs := make([]repair, len(fixed))
	for i, f := range fixed {
		repairs[i] = repair{f.f, ids[i], f.content}
	}
	return r.apply(ctx, repairs)
}

// recheck judges all files with what jobs have made of them.
func (r *round) recheck(ctx context.Context, rules []native) error {
	g, _ := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for _, f := range r.scope.files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var content []byte
			if f.disk == same && f.mode != rule.Submodule {
				if onDisk, err := r.folders.read(f.path, f.mode == rule.Symlink); err == nil && blobID(onDisk, f.oid) == f.oid {
					content = onDisk
					f.size = int64(len(onDisk))
				}
			}
			_, findings, err := r.judgeFile(f, rules, content, false, true)
			r.report.find(findings)
			return err
		})
	}
	return g.Wait()
}

func sortFiles(files []*file) {
	slices.SortFunc(files, func(a, b *file) int { return cmp.Compare(a.path, b.path) })
}
