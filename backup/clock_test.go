package backup_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/internal/real"
)

func TestTheClockCopiesWhatIsDueAndWatchesTheRepositories(t *testing.T) {
	s := newShop(t)
	s.must(os.WriteFile(filepath.Join(s.files, "a"), []byte("text"), 0o600))
	a, _ := s.b.Config.Applications.Get("shop")
	a.RPO = config.Duration(time.Hour)
	s.b.Config.Applications.Set("shop", a)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.b.Clock(ctx)
	}()
	real.Eventually(t, time.Minute, "it is copied", func() bool {
		all, err := s.b.Standings(t.Context(), time.Now())
		s.must(err)
		return all[0].State == plan.Good && all[0].Running == "" && all[0].Points == 1
	})
	stop()
	<-ended
	runs, err := s.b.Engine.List(t.Context(), run.Filter{Kind: backup.KindCopy})
	if err != nil || len(runs) != 1 || runs[0].Who != "goodstate" {
		t.Fatalf("%+v %v", runs, err)
	}
	all, err := s.b.Standings(t.Context(), time.Now())
	s.must(err)
	if at := all[0].Broken.Sub(all[0].Copied); at != time.Hour {
		t.Errorf("the RPO is broken after %s", at)
	}
	if next := all[0].Next.Sub(all[0].Copied); next != 30*time.Minute {
		t.Errorf("it is copied again after %s", next)
	}
}

func TestARepositoryThatIsGoneIsNoticed(t *testing.T) {
	s := newShop(t)
	s.must(os.WriteFile(filepath.Join(s.files, "a"), []byte("text"), 0o600))
	s.must(s.b.Watch(t.Context(), "main", time.Now()))
	s.copy()
	repo := filepath.Join(filepath.Dir(s.files), "repo")
	s.must(os.Rename(repo, repo+".away"))
	for range 2 {
		s.must(s.b.Watch(t.Context(), "main", time.Now()))
	}
	if found := s.alerts("lost"); len(found) != 1 || found[0].Severity != "critical" {
		t.Errorf("%+v", found)
	}
	s.must(os.Rename(repo+".away", repo))
	s.must(s.b.Watch(t.Context(), "main", time.Now()))
}

func TestCopiesThatAreGoneDoNotCount(t *testing.T) {
	s := newShop(t)
	s.must(os.WriteFile(filepath.Join(s.files, "a"), []byte("text"), 0o600))
	s.copy()
	points, err := s.b.RestorePoints(t.Context(), "shop", "")
	s.must(err)
	if len(points) != 1 || points[0].Proof != "written" {
		t.Fatalf("%+v", points)
	}
	repo, err := s.b.Open(t.Context(), "main")
	s.must(err)
	s.must(s.b.Watch(t.Context(), "main", time.Now()))
	s.must(repo.RemoveSnapshot(t.Context(), points[0].ID))
	s.must(repo.Close())
	s.must(s.b.Watch(t.Context(), "main", time.Now()))
	all, err := s.b.Standings(t.Context(), time.Now())
	s.must(err)
	if all[0].State != plan.Failing || all[0].Why != "its restore points are gone" {
		t.Errorf("%s: %s", all[0].State, all[0].Why)
	}
}
