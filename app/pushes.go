package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/hooks/server"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/source"
)

// Inbox is where post-receive hooks leave pushes for the goodstate that owns the data directory.
func Inbox(data string) server.Inbox {
	return server.Inbox{Dir: filepath.Join(data, "inbox", "pushes")}
}

// takePushes starts what landed pushes release: for each service with on_push, the newest commit that was pushed to that branch. A push waits while
// another run works on the service; of several that wait the newest is released.
func (a *App) takePushes(ctx context.Context) {
	inbox := Inbox(a.Config.Data)
	landed, err := inbox.List()
	if err != nil {
		a.log.ErrorContext(ctx, "pushes not read", slog.Any("error", err))
	}
	for i, l := range landed {
		waits := false
		for name, s := range a.Config.Services.All() {
			commit := a.pushed(name, s, l)
			if commit == "" {
				continue
			}
			newer := ""
			for _, later := range landed[i+1:] {
				if c := a.pushed(name, s, later); c != "" {
					newer = c
				}
			}
			var leased *run.LeaseError
			switch err := a.takePush(ctx, name, l, commit, newer); {
			case errors.As(err, &leased), errors.Is(err, errNotYet):
				waits = true
			case err != nil:
				a.log.ErrorContext(ctx, "push not taken up", slog.String("service", name), slog.Any("error", err))
				waits = true
			}
		}
		if waits {
			continue
		}
		if err := inbox.Done(l); err != nil {
			a.log.ErrorContext(ctx, "push not put away", slog.Any("error", err))
		}
	}
}

// comes is how long a Git host may take to give out a commit that it told of.
const comes = 5 * time.Second

var errNotYet = errors.New("the branch does not have the commit yet")

// pushed is the commit that a push brought to the branch whose pushes the service is released by; empty: none.
func (a *App) pushed(name string, s rollout.Service, l server.Landed) string {
	if s.OnPush == "" {
		return ""
	}
	if len(l.Services) == 0 && !source.Same(a.base, s.Source, l.Repository) || len(l.Services) > 0 && !slices.Contains(l.Services, name) {
		return ""
	}
	for _, u := range l.Updates {
		if b, ok := u.Branch(); ok && b == s.OnPush && !u.Deletes() {
			return u.New
		}
	}
	return ""
}

// takePush starts the rollout, and journals what came of the push. Taking it up again changes nothing.
func (a *App) takePush(ctx context.Context, name string, l server.Landed, commit, newer string) error {
	key := "push/" + l.ID + "/" + name
	who := l.Who
	if who == "" {
		who = "push"
	}
	said := func(event, text string) error {
		_, err := a.Journal.Append(ctx, journal.Entry{Event: event, Target: rollout.Target(name), Actor: who, Text: text, Key: key})
		return err
	}
	if known, err := a.Journal.Known(ctx, key); err != nil || known {
		return err // it was taken up before
	}
	short := commit[:min(len(commit), 12)]
	if len(l.Services) > 0 {
		conf, _ := a.Config.Services.Get(name)
		now, err := a.stillNewest(ctx, name, conf, commit)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return said("push-refused", fmt.Sprintf("push of %s to %s releases nothing: %s", short, name, err))
		case now != "" && time.Since(l.At) < comes:
			return errNotYet
		case now != "":
			return said("push-superseded", fmt.Sprintf("push of %s to %s releases nothing: the newest commit of %s is %.12s", short, name, conf.OnPush, now))
		}
	}
	if newer != "" && newer != commit {
		return said("push-superseded", fmt.Sprintf("push of %s to %s releases nothing: %.12s was pushed after it", short, name, newer))
	}
	info, err := a.Rollouts.Deploy(ctx, name, short, who, "pushed", false)
	var leased *run.LeaseError
	switch {
	case errors.As(err, &leased), ctx.Err() != nil:
		return err
	case err != nil:
		return said("push-refused", fmt.Sprintf("push of %s to %s releases nothing: %s", short, name, err))
	}
	return said("push-released", fmt.Sprintf("push of %s to %s is released by %s", short, name, info.ID))
}
