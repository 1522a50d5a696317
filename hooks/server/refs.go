package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

// refs judges what is done to refs, and tells the commits that the push brings, each with the branch it goes to.
func (p *Policy) refs(ctx context.Context, repo Repository, updates []Update, who string, out *Judgement) (map[string]string, error) {
	ids := make([]string, 0, len(updates))
	for _, u := range updates {
		if !u.Deletes() {
			ids = append(ids, u.New)
		}
	}
	peeled := map[string]string{}
	if len(ids) > 0 {
		var err error
		if peeled, err = repo.commits(ctx, ids); err != nil {
			return nil, err
		}
	}
	tips := map[string]string{}
	for _, u := range updates {
		if err := p.ref(ctx, repo, u, who, peeled, out); err != nil {
			return nil, err
		}
		if u.Deletes() {
			continue
		}
		commit := peeled[u.New]
		if commit == "" {
			out.add(refused(u, "refs", "it points to a file or a folder, which nothing here can judge; want a commit or a tag of one"))
			continue
		}
		branch, _ := u.Branch()
		if was := tips[commit]; was == "" {
			tips[commit] = branch
		}
	}
	return tips, nil
}

func (p *Policy) ref(ctx context.Context, repo Repository, u Update, who string, peeled map[string]string, out *Judgement) error {
	i := slices.IndexFunc(p.Refs, func(r RefRule) bool { return r.fits(u.Ref) })
	if i < 0 {
		return nil
	}
	r := p.Refs[i]
	if len(r.Who) > 0 && !slices.Contains(r.Who, who) {
		out.add(refused(u, "who", fmt.Sprintf("%s may not push here; only %s may", name(who), strings.Join(r.Who, ", "))))
	}
	switch {
	case u.Creates() && !r.Create:
		out.add(refused(u, "create", "it may not be made by a push"))
	case u.Deletes() && !r.Delete:
		out.add(refused(u, "delete", "it may not be deleted"))
	case !u.Creates() && !u.Deletes() && !r.Force:
		return p.forced(ctx, repo, u, peeled[u.New], out)
	}
	return nil
}

// forced refuses a change of a ref that loses commits. A tag is lost when it names anything else.
func (p *Policy) forced(ctx context.Context, repo Repository, u Update, commit string, out *Judgement) error {
	if strings.HasPrefix(u.Ref, "refs/tags/") {
		out.add(refused(u, "force", "the tag is there already and may not be moved"))
		return nil
	}
	if commit == "" {
		return nil // said elsewhere
	}
	kept, err := repo.contains(ctx, u.Old, commit)
	if err != nil {
		return err
	}
	if !kept {
		out.add(refused(u, "force", fmt.Sprintf("the push would lose commits that are there now (%.10s is not an ancestor of %.10s); fetch, rebase or merge, and push again", u.Old, u.New)))
	}
	return nil
}

func refused(u Update, name, message string) Finding {
	return Finding{Finding: rule.Finding{Rule: name, Message: message}, Ref: printable(u.Ref)}
}

func name(who string) string {
	if who == "" {
		return "somebody whom the server does not name"
	}
	return printable(who)
}
