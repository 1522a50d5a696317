package rollout

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/store"
)

const (
	actionText = 500 // bytes
	actionName = 100
)

// AddAction records something that a person has to do after an incident, with its owner and until when.
func (s *Rollouts) AddAction(ctx context.Context, a store.Action) (store.Action, error) {
	a.Text, a.Owner = strings.TrimSpace(a.Text), strings.TrimSpace(a.Owner)
	switch {
	case a.Text == "" || len(a.Text) > actionText:
		return a, fmt.Errorf("an action of %d bytes, want 1 to %d: what has to be done", len(a.Text), actionText)
	case a.Owner == "" || len(a.Owner) > actionName:
		return a, fmt.Errorf("owner %.120q, want the name of who does it, of at most %d bytes", a.Owner, actionName)
	case a.Due.IsZero():
		return a, fmt.Errorf("no date, want by when it has to be done")
	}
	if a.Run != "" {
		info, err := s.Engine.Get(ctx, a.Run)
		if err != nil {
			return a, err
		}
		a.Service = strings.TrimPrefix(info.Target, "service/")
	}
	a.ID, a.At = "a-"+strings.ToLower(rand.Text()[:8]), time.Now()
	if err := s.Store.PutAction(ctx, a); err != nil {
		return a, err
	}
	text := fmt.Sprintf("action %s for %s until %s: %s", a.ID, a.Owner, a.Due.Local().Format("2006-01-02"), a.Text)
	return a, s.aboutAction(ctx, "action-added", a, a.Who, text)
}

// DoneAction notes that somebody has done it.
func (s *Rollouts) DoneAction(ctx context.Context, id, who, note string) error {
	all, err := s.Store.Actions(ctx, "", true)
	if err != nil {
		return err
	}
	a := store.Action{ID: id}
	for _, open := range all {
		if open.ID == id {
			a = open
		}
	}
	if err := s.Store.DoneAction(ctx, id, who, note, time.Now()); err != nil {
		return err
	}
	text := fmt.Sprintf("action %s is done: %s", id, a.Text)
	if note != "" {
		text += " (" + note + ")"
	}
	return s.aboutAction(ctx, "action-done", a, who, text)
}

func (s *Rollouts) aboutAction(ctx context.Context, event string, a store.Action, who, text string) error {
	target := ""
	if a.Service != "" {
		target = Target(a.Service)
	}
	_, err := s.Journal.Append(ctx, journal.Entry{Event: event, Run: a.Run, Target: target, Actor: who, Text: text, Key: event + "/" + a.ID})
	return err
}

// Remind tells about actions that are due and not done, each once a day until it is done.
func (s *Rollouts) Remind(ctx context.Context, now time.Time) error {
	if s.Notify == nil {
		return nil
	}
	all, err := s.Store.Actions(ctx, "", true)
	if err != nil {
		return err
	}
	for _, a := range all {
		if !a.Late(now) {
			continue
		}
		link := ""
		if s.Page != nil && a.Run != "" {
			link = s.Page(a.Run)
		}
		err := s.Notify.Send(ctx, notify.Event{
			ID: fmt.Sprintf("action/%s/%s", a.ID, now.Local().Format("2006-01-02")), Type: "action.due", Phase: notify.Trigger, Severity: notify.Warning,
			Service: a.Service, Run: a.Run, URL: link, At: now, Data: a,
			Title: fmt.Sprintf("%s has something to do since %s: %s", a.Owner, a.Due.Local().Format("2006-01-02"), a.Text),
			Text:  fmt.Sprintf("Added by %s after %s. Done? goodstate action done %s", a.Who, nonEmpty(a.Run, "an incident"), a.ID),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func nonEmpty(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
