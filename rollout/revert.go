package rollout

import (
	"context"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/rollout/source"
)

// Revert makes a branch in the service's repository on which what a rollout released is taken back.
func (s *Rollouts) Revert(ctx context.Context, id, who string, push bool) (source.Reverted, error) {
	info, err := s.Engine.Get(ctx, id)
	if err != nil {
		return source.Reverted{}, err
	}
	in, err := inputOf(info)
	if err != nil {
		return source.Reverted{}, err
	}
	res, err := ResultOf(info)
	if err != nil {
		return source.Reverted{}, err
	}
	if info.Kind != Kind || res.Outcome != RolledBack && res.Outcome != Incomplete || in.Old == nil {
		return source.Reverted{}, fmt.Errorf("run %s left no release for another, so there is nothing to take back in Git", id)
	}
	if in.Old.Release.Commit == in.Release.Commit {
		return source.Reverted{}, fmt.Errorf("%s and %s are the same commit: their configuration differs, which goodstate.yaml has", in.Release.Version, in.Old.Release.Version)
	}
	message := fmt.Sprintf("Revert %s: %s\n\n%s was rolled back to %s.\nRollout: %s\nAsked by: %s\n", in.Release.Version, oneLine(in.Release.Subject), in.Release.Version, in.Old.Release.Version, id, oneLine(who))
	if res.Why != "" {
		message += "\n" + oneLine(res.Why) + "\n"
	}
	r, err := s.Source(in.Service, in.Config).Revert(ctx, in.Old.Release, in.Release, in.Config.OnPush, message, push)
	if err != nil {
		return r, err
	}
	_, err = s.Journal.Append(ctx, journal.Entry{
		Event: "reverted", Run: id, Target: Target(in.Service), Actor: who,
		Text: fmt.Sprintf("branch %s takes %s back: commit %.10s on top of %s", r.Branch, in.Release.Version, r.Commit, r.Base),
	})
	return r, err
}

const lineMost = 300

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > lineMost {
		text = strings.ToValidUTF8(text[:lineMost], "") + " ..."
	}
	return text
}
