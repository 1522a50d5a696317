package client

import (
	"path/filepath"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/verdict"
)

// Verdicts are what all work trees of the repository know to be good.
func (repo *Repo) Verdicts() *verdict.Cache {
	return verdict.Open(filepath.Join(repo.shared(), "verdicts"))
}

// askedAgain are the rules of a stage whose verdicts another stage will ask for, so that they are worth keeping.
func askedAgain(p *plan.Plan, stage string) map[string]bool {
	names := map[string]bool{}
	for other, s := range p.Stages {
		for _, r := range s.Rules {
			if other != stage || stage == "pre-push" {
				names[r.Name] = true
			}
		}
	}
	return names
}

// accepted tells whether a rule is known to accept a file. Before a commit nobody asks: looking at bytes that have just been read costs less.
func (r *round) accepted(n native, f *file) bool {
	return r.tip != "" && n.judge.Keeps() && f.old != rule.Symlink && r.verdicts.Has(on(n, f, f.oid))
}

// accept remembers that a rule accepts a file. What was a link is judged by what it pointed to as well, and is not kept.
func (r *round) accept(n native, f *file, better []byte) {
	if !r.kept[n.Name] || !n.judge.Keeps() || f.old == rule.Symlink || none(f.oid) {
		return
	}
	oid := f.oid
	if better != nil {
		oid = blobID(better, oid)
	}
	r.verdicts.Add(on(n, f, oid))
}

func on(n native, f *file, oid string) verdict.Key {
	return n.judge.On(verdict.FileOf(f.path, uint32(f.mode), uint32(f.old), oid))
}
