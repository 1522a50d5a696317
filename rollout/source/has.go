package source

import (
	"context"
	"fmt"
)

// Has says whether a commit can be checked out from what is on this machine; nil: it can.
func (s *Source) Has(ctx context.Context, commit string) error {
	repo, err := s.repository(ctx)
	if err != nil {
		return err
	}
	if _, err := git(ctx, repo, "cat-file", "-e", commit+"^{commit}"); err != nil {
		return fmt.Errorf("%s has no commit %s", repo, commit[:min(12, len(commit))])
	}
	return nil
}
