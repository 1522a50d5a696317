package client

import (
	"context"
	"strings"
)

// knownThere names what the other side has for sure, as arguments of git log: what the ref was, and what was fetched from there.
func (repo *Repo) knownThere(ctx context.Context, remote string, ref pushed) ([]string, error) {
	var known []string
	if !none(ref.remote) {
		if _, err := repo.git(ctx, repo.Index, nil, "cat-file", "-e", ref.remote); err == nil {
			known = append(known, ref.remote)
		}
	}
	refs, remotes := "refs/remotes", "--remotes" // for a push to an address, which has no refs of its own here
	if remote != "" && !strings.ContainsAny(remote, "/:*?[\\") {
		refs, remotes = refs+"/"+remote, remotes+"="+remote
	}
	fetched, err := repo.git(ctx, repo.Index, nil, "for-each-ref", "--count=1", "--format=%(refname)", refs)
	if err != nil {
		return nil, err
	}
	if len(fetched) > 0 {
		known = append(known, remotes)
	}
	return known, nil
}
