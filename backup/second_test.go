package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/internal/real"
)

// twoPersons makes a shop with four restore points whose repository wants a second person for deletions.
func twoPersons(t *testing.T, within time.Duration) *shop {
	t.Helper()
	s := newShop(t)
	s.must(os.WriteFile(filepath.Join(s.files, "a"), []byte("text"), 0o600))
	conf, _ := s.b.Config.Repositories.Get("main")
	conf.TwoPersons = &backup.TwoPersons{Within: config.Duration(within)}
	s.b.Config.Repositories.Set("main", conf)
	for range 4 {
		s.copy()
	}
	return s
}

// asks wants that something waits for a second person, and says for which request.
func (s *shop) asks(err error) ledger.Request {
	s.t.Helper()
	var second *backup.SecondPersonError
	if !errors.As(err, &second) {
		s.t.Fatalf("got %v, want that it waits for a second person", err)
	}
	return second.Request
}

func (s *shop) forget(q backup.Request) error {
	_, err := s.b.Start(s.t.Context(), backup.KindForget, "shop", "ann", "too many", q)
	return err
}

func (s *shop) points() int {
	s.t.Helper()
	all, err := s.b.Points(s.t.Context(), "shop")
	s.must(err)
	return len(all)
}

func TestADeletionByAPersonWaitsForAnotherPerson(t *testing.T) {
	s := twoPersons(t, time.Hour)
	ctx := t.Context()
	all, err := s.b.Points(ctx, "shop")
	s.must(err)
	oldest := all[3].ID
	dry, err := s.b.Start(ctx, backup.KindForget, "shop", "ann", "", backup.Request{Snapshot: oldest.Short(), DryRun: true}) // what deletes nothing waits for nobody
	s.must(err)
	_, err = s.b.Engine.Wait(ctx, dry.ID)
	s.must(err)
	r := s.asks(s.forget(backup.Request{Snapshot: oldest.Short()}))
	if again := s.asks(s.forget(backup.Request{Snapshot: oldest.String()})); again.ID != r.ID {
		t.Errorf("the same is asked for twice: %s and %s", r.ID, again.ID)
	}
	if _, err := s.b.Approve(ctx, r.ID, "ann", ""); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Fatalf("who asked agrees: %v", err)
	}
	if n := s.points(); n != 4 {
		t.Fatalf("%d restore points are left before anybody agreed", n)
	}
	r, err = s.b.Approve(ctx, r.ID, "bo", "it has a secret in it")
	s.must(err)
	info, err := s.b.Engine.Wait(ctx, r.Outcome)
	s.must(err)
	if n := s.points(); info.State != run.Succeeded || info.Who != "ann" || !strings.Contains(info.Why, "agreed to by bo") || n != 3 {
		t.Fatalf("it became %+v, and %d points are left, want 3", info, n)
	}
	if _, err := s.b.Approve(ctx, r.ID, "cy", ""); err == nil {
		t.Error("it is agreed to again")
	}
	for _, e := range s.told.events {
		if e.Type == "backup.asks" {
			return
		}
	}
	t.Error("nobody was told that something waits")
}

func TestWhatIsRefusedOrNotAgreedToInTimeIsNotDone(t *testing.T) {
	s := twoPersons(t, time.Hour)
	ctx := t.Context()
	_, err := s.b.Start(ctx, backup.KindPrune, "main", "ann", "", backup.Request{})
	r := s.asks(err)
	r, err = s.b.Refuse(ctx, r.ID, "bo", "not today")
	s.must(err)
	if _, err := s.b.Approve(ctx, r.ID, "cy", ""); err == nil || !strings.Contains(err.Error(), "refused by bo: not today") {
		t.Errorf("what was refused is agreed to: %v", err)
	}
	conf, _ := s.b.Config.Repositories.Get("main")
	conf.TwoPersons = &backup.TwoPersons{Within: 1} // a nanosecond
	s.b.Config.Repositories.Set("main", conf)
	_, err = s.b.Start(ctx, backup.KindPrune, "main", "ann", "", backup.Request{})
	r = s.asks(err)
	if _, err := s.b.Approve(ctx, r.ID, "bo", ""); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("what nobody agreed to in time is done: %v", err)
	}
	runs, err := s.b.Engine.List(ctx, run.Filter{Kind: backup.KindPrune})
	if err != nil || len(runs) != 0 {
		t.Errorf("something was pruned: %v %v", runs, err)
	}
}

func TestAKeyGoesOnlyWithASecondPerson(t *testing.T) {
	s := twoPersons(t, time.Hour)
	ctx := t.Context()
	repo, err := s.b.Open(ctx, "main")
	s.must(err)
	id, err := repo.AddKey(ctx, "another one")
	s.must(err)
	s.must(repo.Close())
	_, err = s.b.RemoveKey(ctx, "main", "zz", "ann", "")
	if err == nil || !strings.Contains(err.Error(), "0 of 2 keys") {
		t.Errorf("a key that is not there: %v", err)
	}
	_, err = s.b.RemoveKey(ctx, "main", id.Short(), "ann", "")
	r := s.asks(err)
	keys := func() int {
		all, err := s.b.Keys(ctx, "main")
		s.must(err)
		return len(all)
	}
	if keys() != 2 {
		t.Fatal("the key is gone already")
	}
	r, err = s.b.Approve(ctx, r.ID, "bo", "")
	if err != nil || r.State != ledger.Done || keys() != 1 {
		t.Errorf("%+v %v, %d keys are left", r, err, keys())
	}
}

func TestLessThanWasPromisedIsKeptOnlyWhenTwoPersonsAgree(t *testing.T) {
	s := twoPersons(t, time.Hour)
	ctx := t.Context()
	keep := func(k plan.Keep) {
		a, _ := s.b.Config.Applications.Get("shop")
		a.Keep = k
		s.b.Config.Applications.Set("shop", a)
	}
	keep(plan.Keep{Last: 2}) // everything was kept before
	s.copy()
	if n := s.points(); n != 5 {
		t.Fatalf("%d restore points are left of 5, and nobody agreed to less", n)
	}
	s.must(s.b.Watch(ctx, "main", time.Now())) // it is asked once
	open, err := s.b.Requests(ctx, false)
	if err != nil || len(open) != 1 || open[0].Needs != 2 || open[0].Who != "" {
		t.Fatalf("asked for: %+v %v", open, err)
	}
	for i, who := range []string{"bo", "bo", "cy"} {
		r, err := s.b.Approve(ctx, open[0].ID, who, "")
		if wrong := (err != nil) != (i == 1) || (r.State == ledger.Done) != (i == 2); wrong {
			t.Fatalf("person %d, %s: %+v %v", i, who, r, err)
		}
	}
	s.copy()
	if n := s.points(); n != 2 {
		t.Errorf("%d restore points are left, want 2", n)
	}
	keep(plan.Keep{Last: 3}) // more needs nobody
	s.copy()
	if open, err := s.b.Requests(ctx, false); s.points() != 3 || err != nil || len(open) != 0 {
		t.Errorf("%d points are left, want 3; asked for %+v %v", s.points(), open, err)
	}
}

func TestTheRuleItselfIsGivenUpByTwoPersons(t *testing.T) {
	s := twoPersons(t, time.Hour)
	ctx := t.Context()
	conf, _ := s.b.Config.Repositories.Get("main")
	conf.TwoPersons = nil
	s.b.Config.Repositories.Set("main", conf)
	_, err := s.b.Start(ctx, backup.KindPrune, "main", "ann", "", backup.Request{})
	prune := s.asks(err)
	s.must(s.b.Watch(ctx, "main", time.Now()))
	open, err := s.b.Requests(ctx, false)
	s.must(err)
	if len(open) != 2 {
		t.Fatalf("asked for: %+v", open)
	}
	rule := open[0]
	if rule.ID == prune.ID {
		rule = open[1]
	}
	for _, who := range []string{"bo", "cy"} {
		_, err := s.b.Approve(ctx, rule.ID, who, "")
		s.must(err)
	}
	s.copy()
	info, err := s.b.Start(ctx, backup.KindPrune, "main", "ann", "", backup.Request{})
	s.must(err)
	_, err = s.b.Engine.Wait(ctx, info.ID)
	s.must(err)
}

// What the clock starts is what the configuration says; also an account of the name that goodstate has in the journal asks as a person.
func TestScheduledPrunesGoOnWithoutASecondPerson(t *testing.T) {
	s := twoPersons(t, time.Hour)
	conf, _ := s.b.Config.Repositories.Get("main")
	conf.Prune = plan.Every(time.Millisecond)
	conf.Verify = plan.When{}
	s.b.Config.Repositories.Set("main", conf)
	_, err := s.b.Start(t.Context(), backup.KindPrune, "main", "goodstate", "", backup.Request{})
	s.asks(err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.b.Clock(ctx) }()
	defer func() { stop(); <-ended }()
	real.Eventually(t, 2*time.Minute, "the repository is pruned as its schedule says", func() bool {
		runs, err := s.b.Engine.List(ctx, run.Filter{Kind: backup.KindPrune, State: run.Succeeded})
		return err == nil && len(runs) > 0
	})
}
